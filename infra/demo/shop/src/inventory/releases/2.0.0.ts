import { serve } from "../../service/serve.ts";
import { inventory } from "../inventory.ts";
import { stockCatalogue } from "../stock-catalogue.ts";

await serve(inventory(stockCatalogue));
