import { serve } from "../../service/serve.ts";
import { storefront } from "../storefront.ts";

await serve(storefront());
