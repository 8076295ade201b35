// The demo shop with its help bubble.

import { render } from "preact";
import { choose, language } from "../words/catalogue";
import { Bubble } from "./bubble";
import { Shop } from "./shop";

choose(language.value);
render(
  <>
    <Shop />
    <Bubble />
  </>,
  document.getElementById("page")!,
);
