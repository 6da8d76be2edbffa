/** An amount in the smallest unit of its currency: 1999 EUR is 19.99 euros. */
export interface Money {
  minor: number;
  currency: string;
}

/** How much of each currency one euro buys, e.g. `EUR=1,USD=1.09`. */
export type Rates = ReadonlyMap<string, number>;

/** Parses `EUR=1,USD=1.09`; throws naming the pair that is not of that form. */
export function parseRates(text: string): Rates {
  return new Map(
    text.split(",").map((pair) => {
      const [currency = "", rate = ""] = pair.trim().split("=");
      if (!/^[A-Z]{3}$/.test(currency) || !(Number(rate) > 0)) throw new Error(`"${pair}" is not CURRENCY=rate`);
      return [currency, Number(rate)];
    }),
  );
}

/** The same value in another currency, rounded to its smallest unit; throws when a rate is missing. */
export function convert(amount: Money, currency: string, rates: Rates): Money {
  const from = rates.get(amount.currency);
  const to = rates.get(currency);
  if (from === undefined || to === undefined) throw new Error(`no rate from ${amount.currency} to ${currency}`);
  return { minor: Math.round((amount.minor / from) * to), currency };
}
