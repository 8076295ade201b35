// JSON Patch (RFC 6902) over plain JSON. The target is never changed: a patch that fails half-way leaves no trace.

import type { Json, PatchOp } from "./messages";

export class PatchError extends Error {}

/** Applies the operations in order and returns the new document. */
export function apply<T>(document: T, ops: PatchOp[]): T {
  let root = structuredClone(document) as Json;
  for (const op of ops) root = step(root, op);
  return root as T;
}

function step(root: Json, op: PatchOp): Json {
  switch (op.op) {
    case "add":
      return add(root, tokens(op.path), structuredClone(op.value));
    case "remove":
      return remove(root, tokens(op.path));
    case "replace":
      at(root, tokens(op.path));
      return replace(root, tokens(op.path), structuredClone(op.value));
    case "move": {
      // RFC 6902 4.4: the "from" location MUST NOT be a proper prefix of the "path" location.
      if (op.path.startsWith(op.from + "/")) throw new PatchError(`${op.from} cannot move into itself`);
      const value = at(root, tokens(op.from));
      return add(remove(root, tokens(op.from)), tokens(op.path), value);
    }
    case "copy":
      return add(root, tokens(op.path), structuredClone(at(root, tokens(op.from))));
    case "test":
      if (!same(at(root, tokens(op.path)), op.value)) throw new PatchError(`test failed at ${op.path}`);
      return root;
    default:
      throw new PatchError(`unknown operation ${(op as { op: string }).op}`);
  }
}

/** RFC 6901: `~1` is a slash, `~0` a tilde, in that order. */
function tokens(pointer: string): string[] {
  if (pointer === "") return [];
  if (!pointer.startsWith("/")) throw new PatchError(`not a pointer: ${pointer}`);
  return pointer
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function at(root: Json, path: string[]): Json {
  let here = root;
  for (const token of path) here = child(here, token);
  return here;
}

function child(parent: Json, token: string): Json {
  if (Array.isArray(parent)) return parent[index(parent, token, parent.length - 1)]!;
  if (isObject(parent) && Object.hasOwn(parent, token)) return parent[token]!;
  throw new PatchError(`nothing at ${token}`);
}

function add(root: Json, path: string[], value: Json): Json {
  if (path.length === 0) return value;
  const { parent, last } = parentOf(root, path);
  if (Array.isArray(parent)) parent.splice(last === "-" ? parent.length : index(parent, last, parent.length), 0, value);
  else if (isObject(parent)) define(parent, last, value);
  else throw new PatchError(`no container above ${last}`);
  return root;
}

function replace(root: Json, path: string[], value: Json): Json {
  if (path.length === 0) return value;
  const { parent, last } = parentOf(root, path);
  if (Array.isArray(parent)) parent[index(parent, last, parent.length - 1)] = value;
  else define(parent as { [key: string]: Json }, last, value);
  return root;
}

function remove(root: Json, path: string[]): Json {
  if (path.length === 0) return null;
  at(root, path);
  const { parent, last } = parentOf(root, path);
  if (Array.isArray(parent)) parent.splice(index(parent, last, parent.length - 1), 1);
  else delete (parent as { [key: string]: Json })[last];
  return root;
}

function parentOf(root: Json, path: string[]): { parent: Json; last: string } {
  return { parent: at(root, path.slice(0, -1)), last: path[path.length - 1]! };
}

/** RFC 6901 4: digits without a leading zero. */
function index(array: Json[], token: string, max: number): number {
  if (!/^(0|[1-9][0-9]*)$/.test(token)) throw new PatchError(`not an index: ${token}`);
  const value = Number(token);
  if (value > max) throw new PatchError(`index ${token} is past the end, ${array.length}`);
  return value;
}

/** A key such as `__proto__` becomes a plain member, not the prototype. */
function define(parent: { [key: string]: Json }, key: string, value: Json): void {
  Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true });
}

function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function same(left: Json, right: Json): boolean {
  if (Array.isArray(left)) return Array.isArray(right) && left.length === right.length && left.every((item, i) => same(item, right[i]!));
  if (isObject(left)) {
    if (!isObject(right)) return false;
    const keys = Object.keys(left);
    return keys.length === Object.keys(right).length && keys.every((key) => Object.hasOwn(right, key) && same(left[key]!, right[key]!));
  }
  return left === right;
}
