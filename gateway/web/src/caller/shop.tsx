// A shop with an order that is late: the reason to write, and then to call.

import { useEffect } from "preact/hooks";
import { LanguagePicker } from "../look/language";
import { language } from "../words/catalogue";
import { ago } from "../words/time";
import { ask } from "./bubble";
import { customer } from "./customer";
import { t } from "./words";

const DAY = 86_400_000;

interface Order {
  id: string;
  state: "late" | "done" | "returned";
  /** Days ago. */
  days: number;
  items: ("kettle" | "board" | "towels" | "grinder")[];
  /** Euro. */
  sum: number;
}

const ORDERS: Order[] = [
  { id: "A-17", state: "late", days: 3, items: ["kettle", "towels"], sum: 74.5 },
  { id: "A-12", state: "done", days: 26, items: ["board"], sum: 39 },
  { id: "A-08", state: "returned", days: 94, items: ["grinder"], sum: 58 },
];

export function Shop() {
  useEffect(() => {
    document.title = t("shop");
  }, [language.value]);
  return (
    <>
      <header class="shop-top">
        <div>
          <strong class="shop-name">{t("shop")}</strong>
          <span class="soft shop-lead">{t("shop.lead")}</span>
        </div>
        <LanguagePicker />
      </header>
      <main class="shop">
        <h1>{customer?.name ? t("shop.hello", { name: customer.name }) : t("shop.guest")}</h1>
        <h2>{t("shop.orders")}</h2>
        <ul class="orders">
          {ORDERS.map((order) => (
            <OrderRow key={order.id} order={order} />
          ))}
        </ul>
        <p class="soft">{t("shop.demo")}</p>
      </main>
    </>
  );
}

function OrderRow({ order }: { order: Order }) {
  const when = ago(Date.now() - order.days * DAY);
  const sum = new Intl.NumberFormat(language.value, { style: "currency", currency: "EUR" }).format(order.sum);
  const late = order.state === "late";
  return (
    <li data-order={order.id} data-state={order.state}>
      <div class="order-head">
        <strong>{t("shop.order", { id: order.id })}</strong>
        <span class={late ? "wait-text order-state" : "soft order-state"}>
          {late && "⚠ "}
          {t(`order.${order.state}`, { when })}
        </span>
      </div>
      <div>{order.items.map((item) => t(`item.${item}`)).join(" · ")}</div>
      <div class="soft">{t("shop.total", { sum })}</div>
      {late && <p>{t("order.late.more")}</p>}
      {late && (
        <button type="button" onClick={() => ask(t("order.question", { id: order.id }))} data-testid="ask">
          {t("order.ask")}
        </button>
      )}
    </li>
  );
}
