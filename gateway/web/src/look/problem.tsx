// What went wrong, what to do, what to quote.

import { Problem } from "../wire/http";
import { shared } from "../words/shared";

export function Fault({ what, todo, id, retry }: { what: string; todo?: string; id?: string | undefined; retry?: () => void }) {
  return (
    <div class="fault" role="alert">
      <p>
        <strong>{what}</strong> {todo}
      </p>
      {id && <p class="soft">{shared("reference", { id })}</p>}
      {retry && (
        <button type="button" onClick={retry}>
          {shared("retry")}
        </button>
      )}
    </div>
  );
}

export function ProblemFault({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = error instanceof Problem ? error : new Problem(-1, "", "", "");
  const away = problem.status === 0;
  const what = problem.title || shared(away ? "problem.unreachable" : "problem.other");
  const todo = problem.detail || shared(away ? "problem.unreachable.do" : "problem.other.do");
  return <Fault what={what} todo={todo} id={problem.id} {...(retry && { retry })} />;
}
