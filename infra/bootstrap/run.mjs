// The one door to every command of package.json:
//   node infra/bootstrap/run.mjs demo|test|bench|prove|check|verify|omega [arguments]

import { main } from "./commands.mjs";

process.exitCode = await main(process.argv.slice(2));
