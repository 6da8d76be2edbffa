import { convert, type Money, type Rates } from "../service/money.ts";
import type { ChargeRequest, LedgerEntry } from "./payments.ts";

/** The voucher that an order was paid with, as checkout passes it on. */
export interface Voucher {
  code: string;
  amountOff: Money;
}

/** A charge that may have been reduced by a voucher. */
export interface VoucherCharge extends ChargeRequest {
  voucher?: Voucher;
}

/** The ledger entries of one charge: the sale, and what its voucher cost the campaign that issued it. */
export function bookCharge(charge: VoucherCharge, rates: Rates): LedgerEntry[] {
  const sale: LedgerEntry = { account: "sales", amount: charge.total };
  if (charge.voucher === undefined) return [sale];
  return [sale, bookVoucher(charge.voucher, charge.total, rates)];
}

function bookVoucher(voucher: Voucher, total: Money, rates: Rates): LedgerEntry {
  const [campaign = voucher.code] = voucher.code.split("-");
  return { account: `campaigns:${campaign.toLowerCase()}`, amount: campaignShare(voucher, total, rates) };
}

/** Campaigns are billed in the currency of the order, whatever currency their vouchers were issued in. */
function campaignShare(voucher: Voucher, total: Money, rates: Rates): Money {
  if (voucher.amountOff.currency === total.currency) return voucher.amountOff;
  return convert(voucher.amountOff, total.currency, rates);
}
