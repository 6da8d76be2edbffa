import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { framesOf, ownFrame, underRoot } from "./stack-frames.ts";

const stacks: readonly { name: string; sdk: string; stack: string; file: string; line: number; function: string }[] = [
  {
    name: "JavaScript skips node: and node_modules, and reads file URLs",
    sdk: "nodejs",
    stack: `TypeError: x is not a function
    at Array.map (<anonymous>)
    at format (/app/node_modules/intl/format.js:1:9)
    at async Object.charge [as handler] (file:///app/src/pay%20ments/loyalty.ts:21:14)
    at async file:///app/src/main.ts:3:1
    at process.processTicksAndRejections (node:internal/process/task_queues:104:5)`,
    file: "/app/src/pay ments/loyalty.ts",
    line: 21,
    function: "Object.charge",
  },
  {
    name: "JavaScript goes to the cause",
    sdk: "nodejs",
    stack: `Error: order failed
    at place (/app/src/checkout.ts:40:9) {
  [cause]: TypeError: boom
      at rate (/app/src/rates.ts:7:3)
      at charge (/app/src/pay.ts:9:3)
}`,
    file: "/app/src/rates.ts",
    line: 7,
    function: "rate",
  },
  {
    name: "Java goes to the last cause and skips frameworks",
    sdk: "java",
    stack: `org.springframework.web.util.NestedServletException: Request processing failed
\tat org.springframework.web.servlet.FrameworkServlet.processRequest(FrameworkServlet.java:1014)
\tat com.shop.payments.PaymentController.charge(PaymentController.java:42)
Caused by: java.lang.NullPointerException: rate
\tat java.base/java.util.Objects.requireNonNull(Objects.java:233)
\tat com.shop.payments.Loyalty.discount(Loyalty.java:21)
\t... 42 more`,
    file: "Loyalty.java",
    line: 21,
    function: "com.shop.payments.Loyalty.discount",
  },
  {
    name: "Python reads from the bottom",
    sdk: "python",
    stack: `Traceback (most recent call last):
  File "/usr/local/lib/python3.12/site-packages/flask/app.py", line 880, in full_dispatch_request
    rv = self.dispatch_request()
  File "/app/payments/main.py", line 12, in charge
    return loyalty(order)
  File "/app/payments/loyalty.py", line 21, in loyalty
    return order["rate"]
KeyError: 'rate'`,
    file: "/app/payments/loyalty.py",
    line: 21,
    function: "loyalty",
  },
  {
    name: "Go skips the runtime and modules",
    sdk: "go",
    stack: `panic: runtime error: index out of range [3] with length 3

goroutine 18 [running]:
runtime/debug.Stack()
\t/usr/local/go/src/runtime/debug/stack.go:26 +0x5e
main.discount({0xc000012345, 0x3})
\t/app/loyalty.go:21 +0x1d
main.main.func1()
\t/app/main.go:9 +0x2f`,
    file: "/app/loyalty.go",
    line: 21,
    function: "main.discount",
  },
  {
    name: ".NET reads inner exceptions first",
    sdk: "dotnet",
    stack: `System.InvalidOperationException: charge failed
 ---> System.NullReferenceException: Object reference not set
   at System.Linq.Enumerable.First[TSource](IEnumerable\`1 source)
   at Shop.Payments.Loyalty.Discount(Order order) in /src/Payments/Loyalty.cs:line 21
   --- End of inner exception stack trace ---
   at Shop.Payments.Controller.Charge(Order order) in /src/Payments/Controller.cs:line 40`,
    file: "/src/Payments/Loyalty.cs",
    line: 21,
    function: "Shop.Payments.Loyalty.Discount",
  },
  {
    name: "Ruby reads from the top and skips gems",
    sdk: "ruby",
    stack: `/usr/local/bundle/gems/rack-3.0/lib/rack.rb:10:in 'call': boom (RuntimeError)
\tfrom /app/lib/loyalty.rb:21:in 'discount'
\tfrom /app/app.rb:5:in 'charge'`,
    file: "/app/lib/loyalty.rb",
    line: 21,
    function: "discount",
  },
];

for (const { name, sdk, stack, ...expected } of stacks) {
  test(name, () => {
    for (const language of [sdk, undefined]) {
      const frame = ownFrame(framesOf(stack, language));
      assert.deepEqual(
        { file: frame?.file, line: frame?.line, function: frame?.function },
        expected,
        language ?? "language unknown",
      );
    }
  });
}

test("a stack without own code names no line, and text that is no stack has no frames", () => {
  assert.equal(
    ownFrame(framesOf("Error: x\n    at f (node:fs:1:1)\n    at g (/app/node_modules/a/b.js:2:2)", "nodejs")),
    undefined,
  );
  fc.assert(fc.property(fc.string(), (text) => void framesOf(text)));
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 5000 }), (text) => void framesOf(`    at ${text}`, "nodejs")),
  );
});

test("paths are told relative to the deepest root that holds them", () => {
  assert.equal(underRoot("/srv/shop/payments/a.ts", ["/srv", "/srv/shop/"]), "payments/a.ts");
  assert.equal(underRoot("/srv/shopping/a.ts", ["/srv/shop"]), "/srv/shopping/a.ts");
});
