import { serve } from "../../service/serve.ts";
import { inventory } from "../inventory.ts";
import { ledgerCatalogue } from "../ledger-catalogue.ts";

/** 2.1.0: what is available follows the stock ledger, as the auditors asked. */
await serve(inventory(ledgerCatalogue));
