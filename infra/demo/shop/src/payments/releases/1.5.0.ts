import { serve } from "../../service/serve.ts";
import { parseRates } from "../../service/money.ts";
import { textSetting } from "../../service/settings.ts";
import { payments } from "../payments.ts";
import { bookCharge, type VoucherCharge } from "../voucher-books.ts";

/** 1.5.0: a voucher's share of an order is booked to the campaign that issued it, so that finance sees its cost. */
const rates = parseRates(textSetting("EXCHANGE_RATES", "EUR=1,USD=1.09,GBP=0.85,SEK=11.4"));

await serve(payments((charge: VoucherCharge) => bookCharge(charge, rates)));
