import { downstream } from "../service/downstream.ts";
import type { Order, OrderRequest } from "../service/order.ts";
import type { Line, Product } from "../service/catalogue.ts";
import { RequestRefused } from "../service/request-refused.ts";
import type { Service } from "../service/serve.ts";
import { numberSetting } from "../service/settings.ts";

const pageSize = 12;

/** The edge: what a browser talks to. Holds nothing itself. */
export function storefront(): Service {
  const timeoutMs = numberSetting("DOWNSTREAM_TIMEOUT_MS", 5_000);
  const inventory = downstream("inventory", timeoutMs);
  const recommendations = downstream("recommendations", timeoutMs);
  const cart = downstream("cart", timeoutMs);
  const checkout = downstream("checkout", timeoutMs);

  return {
    name: "storefront",
    routes(app, log) {
      app.get("/", async (request, response) => {
        const visitor = request.get("x-visitor") ?? "anonymous";
        const [products, recommended] = await Promise.all([
          inventory.get<Product[]>(`/products?limit=${pageSize}`),
          recommendations.get<Product[]>(`/recommendations?visitor=${encodeURIComponent(visitor)}`),
        ]);
        response.json({ products, recommended });
      });

      app.get("/products/:id", async (request, response) => {
        const id = encodeURIComponent(request.params.id);
        const visitor = encodeURIComponent(request.get("x-visitor") ?? "anonymous");
        const [product, related] = await Promise.all([
          inventory.get<Product>(`/products/${id}`),
          recommendations.get<Product[]>(`/recommendations?visitor=${visitor}&product=${id}`),
        ]);
        response.json({ ...product, related });
      });

      app.post("/carts/:id/lines", async (request, response) => {
        const line = request.body as Line;
        const { available } = await inventory.get<Product>(`/products/${encodeURIComponent(line.productId)}`);
        if (available < line.quantity) throw new RequestRefused(409, `only ${available} of ${line.productId} left`);
        const lines = await cart.post<Line[]>(`/carts/${encodeURIComponent(request.params.id)}/lines`, line);
        response.status(201).json({ lines });
      });

      app.post("/orders", async (request, response) => {
        const wanted = request.body as OrderRequest;
        if (typeof wanted.cartId !== "string" || typeof wanted.currency !== "string") {
          throw new RequestRefused(400, "an order names its cartId and its currency");
        }
        log.info({ cartId: wanted.cartId, guest: wanted.customerId === undefined }, "order received");
        const order = await checkout.post<Order>("/orders", wanted);
        log.info({ orderId: order.orderId }, "order confirmed");
        response.status(201).json(order);
      });
    },
  };
}
