import { serve } from "../../service/serve.ts";
import { type ChargeRequest, payments } from "../payments.ts";

await serve(payments((charge: ChargeRequest) => [{ account: "sales", amount: charge.total }]));
