import { serve } from "../../service/serve.ts";
import { cart } from "../cart.ts";

await serve(cart());
