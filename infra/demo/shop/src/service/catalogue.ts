/** A product as inventory tells of it; prices are in euros. */
export interface Product {
  id: string;
  name: string;
  category: string;
  description: string;
  priceMinor: number;
  available: number;
}

/** So many pieces of one product. */
export interface Line {
  productId: string;
  quantity: number;
}
