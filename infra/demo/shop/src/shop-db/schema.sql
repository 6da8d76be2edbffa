-- The shop's database as it is on the first day: run once by the database image, before it takes connections.

CREATE TABLE products (
  id text PRIMARY KEY,
  name text NOT NULL,
  category text NOT NULL,
  price_minor integer NOT NULL
);

CREATE TABLE stock (
  product_id text PRIMARY KEY REFERENCES products,
  available integer NOT NULL CHECK (available >= 0)
);

CREATE TABLE stock_movements (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  product_id text NOT NULL,
  quantity integer NOT NULL,
  moved_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE reservations (
  order_id text NOT NULL,
  product_id text NOT NULL,
  quantity integer NOT NULL,
  PRIMARY KEY (order_id, product_id)
);

CREATE TABLE cart_lines (
  cart_id text NOT NULL,
  product_id text NOT NULL,
  quantity integer NOT NULL,
  added_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (cart_id, product_id)
);

INSERT INTO products (id, name, category, price_minor)
SELECT 'p-' || lpad(n::text, 3, '0'),
       (ARRAY ['Oak', 'Linen', 'Copper', 'Slate', 'Birch', 'Wool'])[1 + n % 6] || ' ' ||
       (ARRAY ['lamp', 'bowl', 'chair', 'blanket', 'kettle', 'shelf', 'clock', 'mirror', 'rug', 'vase'])[1 + n % 10],
       (ARRAY ['light', 'kitchen', 'seating', 'textile'])[1 + n % 4],
       900 + (n * 7919) % 18000
FROM generate_series(1, 60) AS n;

-- A year of deliveries, which is also where the stock of today comes from.
INSERT INTO stock_movements (product_id, quantity, moved_at)
SELECT 'p-' || lpad((1 + n % 60)::text, 3, '0'), 900 + n % 200, now() - n * interval '20 minutes'
FROM generate_series(1, 24000) AS n;

INSERT INTO stock (product_id, available)
SELECT product_id, sum(quantity) FROM stock_movements GROUP BY product_id;

ANALYZE;
