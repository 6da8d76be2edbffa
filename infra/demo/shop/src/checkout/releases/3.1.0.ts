import { serve } from "../../service/serve.ts";
import { checkout } from "../checkout.ts";

await serve(checkout());
