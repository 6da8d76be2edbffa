-- The shop's database as it is on the first day: run once by the database image, before it takes connections.

CREATE TABLE products (
  id text PRIMARY KEY,
  name text NOT NULL,
  category text NOT NULL,
  description text NOT NULL,
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

INSERT INTO products (id, name, category, description, price_minor)
SELECT 'p-' || lpad(n::text, 3, '0'),
       (ARRAY ['Oak', 'Linen', 'Copper', 'Slate', 'Birch', 'Wool'])[1 + n % 6] || ' ' ||
       (ARRAY ['lamp', 'bowl', 'chair', 'blanket', 'kettle', 'shelf', 'clock', 'mirror', 'rug', 'vase'])[1 + n % 10],
       (ARRAY ['light', 'kitchen', 'seating', 'textile'])[1 + n % 4],
       (ARRAY ['Made by hand in a workshop of six people, who sign each piece on its underside before it leaves them. ',
               'Turned, sanded and oiled over four days, so that no two of them are quite alike in grain or in colour. ',
               'Drawn by a young designer who grew up beside the harbour, and who still tests every prototype at home. '])[1 + n % 3] ||
       (ARRAY ['The material comes from suppliers within a day of travel, and we publish what we pay them each spring. ',
               'Everything that is left over in the making goes into smaller things, which is why there are so few of them. '])[1 + n % 2] ||
       'Wipe it with a soft dry cloth; once a year a little wax does it good. It arrives in a box without plastic, ' ||
       'and when you no longer want it we take it back, repair it, and find it another home.',
       900 + (n * 7919) % 18000
FROM generate_series(1, 60) AS n;

-- A year of deliveries, which is also where the stock of today comes from.
INSERT INTO stock_movements (product_id, quantity, moved_at)
SELECT 'p-' || lpad((1 + n % 60)::text, 3, '0'), 900 + n % 200, now() - n * interval '50 minutes'
FROM generate_series(1, 10000) AS n;

INSERT INTO stock (product_id, available)
SELECT product_id, sum(quantity) FROM stock_movements GROUP BY product_id;

ANALYZE;
