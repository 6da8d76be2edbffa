/** What visitors of the shop do, as lists of requests drawn from a seeded random source. */
import { between, type Random, weighted } from "./seeded-random.ts";

export interface Step {
  method: "GET" | "POST";
  path: string;
  body?: unknown;
  /** The status a healthy shop answers. */
  expected: number;
}

export interface Journey {
  name: "browse" | "look" | "order";
  visitor: string;
  steps: Step[];
}

/** How often each journey is taken; together 100. */
const mix = [
  [25, "browse"],
  [25, "look"],
  [50, "order"],
] as const;

const productCount = 60;
const linesMax = 3;

/** The mean number of requests of a journey: 1, 2, and for an order the product, its 1 to 3 lines and the order. */
export const meanSteps = (25 * 1 + 25 * 2 + 50 * (2 + (1 + linesMax) / 2)) / 100;

/** Draws the journey of the visitor who is the `ordinal`-th to arrive. */
export function drawJourney(random: Random, ordinal: number): Journey {
  const name = weighted(random, mix);
  const visitor = `visitor-${between(random, 1, 400)}`;
  if (name === "browse") return { name, visitor, steps: [page("/")] };
  if (name === "look") return { name, visitor, steps: [page("/"), page(`/products/${product(random)}`)] };

  const cartId = `cart-${Math.floor(random() * 2 ** 32).toString(36)}-${ordinal}`;
  const lines = Array.from({ length: between(random, 1, linesMax) }, () => ({
    productId: product(random),
    quantity: between(random, 1, 3),
  }));
  const [first] = lines;
  return {
    name,
    visitor,
    steps: [
      page(`/products/${first?.productId ?? product(random)}`),
      ...lines.map((line) => post(`/carts/${cartId}/lines`, line)),
      post("/orders", order(random, cartId, visitor)),
    ],
  };
}

function order(random: Random, cartId: string, visitor: string): Record<string, unknown> {
  const currency = weighted(random, [
    [50, "EUR"],
    [25, "USD"],
    [15, "GBP"],
    [10, "SEK"],
  ] as const);
  const guest = random() < 0.35;
  const voucher = weighted(random, [
    [64, undefined],
    [31, { code: `SPRING-${between(random, 100, 999)}`, kind: "percent", percentOff: between(random, 1, 4) * 5 }],
    [5, { code: `THANKS-${between(random, 100, 999)}`, kind: "amount", amountOff: { minor: 500, currency: "EUR" } }],
  ] as const);
  return { cartId, currency, ...(guest ? {} : { customerId: visitor }), ...(voucher === undefined ? {} : { voucher }) };
}

function product(random: Random): string {
  return `p-${String(between(random, 1, productCount)).padStart(3, "0")}`;
}

function page(path: string): Step {
  return { method: "GET", path, expected: 200 };
}

function post(path: string, body: unknown): Step {
  return { method: "POST", path, body, expected: 201 };
}
