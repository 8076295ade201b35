// The language picker.

import { choose, isLanguage, language, LANGUAGES, OWN_NAME } from "../words/catalogue";
import { shared } from "../words/shared";

export function LanguagePicker() {
  return (
    <select
      class="quiet"
      aria-label={shared("language")}
      data-testid="language"
      value={language.value}
      onChange={(event) => isLanguage(event.currentTarget.value) && choose(event.currentTarget.value)}
    >
      {LANGUAGES.map((tag) => (
        <option key={tag} value={tag} lang={tag}>
          {OWN_NAME[tag]}
        </option>
      ))}
    </select>
  );
}
