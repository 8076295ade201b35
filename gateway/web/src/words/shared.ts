// Texts that both pages say.

import { speaker, type Language, type Text } from "./catalogue";

const en = {
  language: "Language",
  close: "Close",
  reference: "Quote this number when you ask for help: {id}",
  "problem.unreachable": "The gateway cannot be reached.",
  "problem.unreachable.do": "Check the network of this computer, then try again.",
  "problem.other": "That did not work.",
  "problem.other.do": "Try again in a moment.",
  "mic.refused": "The microphone is blocked for this page.",
  "mic.refused.do": "Click the lock or camera sign beside the address, allow the microphone, then try again.",
  "mic.missing": "No microphone was found.",
  "mic.missing.do": "Plug in a headset or a microphone, then try again.",
  "mic.insecure": "The browser gives no microphone to this page, because it did not come over HTTPS.",
  "mic.insecure.do": "Open the same address with https:// in front, or ask whoever runs the gateway for it.",
  "mic.busy": "The microphone is there, but another program holds it.",
  "mic.busy.do": "Close other programs that use it, then try again.",
  retry: "Try again",
  mute: "Mute",
  unmute: "Unmute",
  keypad: "Keypad",
  "keypad.key": "Key {key}",
  "keypad.star": "Star",
  "keypad.hash": "Hash",
};

export type SharedKey = keyof typeof en;

const uk: Record<SharedKey, Text> = {
  language: "Мова",
  close: "Закрити",
  reference: "Звертаючись по допомогу, назвіть цей номер: {id}",
  "problem.unreachable": "Немає звʼязку зі шлюзом.",
  "problem.unreachable.do": "Перевірте мережу цього компʼютера та спробуйте ще раз.",
  "problem.other": "Не вдалося.",
  "problem.other.do": "Спробуйте ще раз за хвилину.",
  "mic.refused": "Мікрофон для цієї сторінки заборонено.",
  "mic.refused.do": "Натисніть на замок або камеру біля адреси, дозвольте мікрофон і спробуйте ще раз.",
  "mic.missing": "Мікрофон не знайдено.",
  "mic.missing.do": "Підʼєднайте гарнітуру або мікрофон і спробуйте ще раз.",
  "mic.insecure": "Браузер не дає цій сторінці мікрофон, бо її відкрито не через HTTPS.",
  "mic.insecure.do": "Відкрийте ту саму адресу з https:// на початку або запитайте її в того, хто веде шлюз.",
  "mic.busy": "Мікрофон є, але його зайняла інша програма.",
  "mic.busy.do": "Закрийте інші програми, які ним користуються, і спробуйте ще раз.",
  retry: "Спробувати ще раз",
  mute: "Вимкнути мікрофон",
  unmute: "Увімкнути мікрофон",
  keypad: "Клавіші",
  "keypad.key": "Клавіша {key}",
  "keypad.star": "Зірочка",
  "keypad.hash": "Решітка",
};

const ru: Record<SharedKey, Text> = {
  language: "Язык",
  close: "Закрыть",
  reference: "Обращаясь за помощью, назовите этот номер: {id}",
  "problem.unreachable": "Нет связи со шлюзом.",
  "problem.unreachable.do": "Проверьте сеть этого компьютера и попробуйте ещё раз.",
  "problem.other": "Не получилось.",
  "problem.other.do": "Попробуйте ещё раз через минуту.",
  "mic.refused": "Микрофон для этой страницы запрещён.",
  "mic.refused.do": "Нажмите на замок или камеру рядом с адресом, разрешите микрофон и попробуйте ещё раз.",
  "mic.missing": "Микрофон не найден.",
  "mic.missing.do": "Подключите гарнитуру или микрофон и попробуйте ещё раз.",
  "mic.insecure": "Браузер не даёт этой странице микрофон, потому что она открыта не по HTTPS.",
  "mic.insecure.do": "Откройте тот же адрес с https:// в начале или спросите его у того, кто ведёт шлюз.",
  "mic.busy": "Микрофон есть, но его заняла другая программа.",
  "mic.busy.do": "Закройте другие программы, которые им пользуются, и попробуйте ещё раз.",
  retry: "Попробовать ещё раз",
  mute: "Выключить микрофон",
  unmute: "Включить микрофон",
  keypad: "Клавиши",
  "keypad.key": "Клавиша {key}",
  "keypad.star": "Звёздочка",
  "keypad.hash": "Решётка",
};

export const sharedTexts: Record<Language, Record<SharedKey, Text>> = { en, uk, ru };
export const shared = speaker<SharedKey>(sharedTexts);
