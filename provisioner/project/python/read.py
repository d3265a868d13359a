"""Reads a Django project's sources without running any of them.

For any Python 3.8 or later; needs neither Django nor the project's packages. Usage: read.py REQUEST.json, which has
  folder    where the project's modules are
  files     its Python files, relative, "/" between parts
  settings  the settings module to read, or null for the entry points alone
  env       variables of the environment with known values
Prints one JSON document: which modules name which settings, and what the settings say, as far as it is plain.
"""
import ast
import json
import os
import sys

with open(sys.argv[1]) as given:
    REQUEST = json.load(given)
FOLDER = REQUEST["folder"]
FILES = set(REQUEST["files"])
ENVIRONMENT = REQUEST["env"]
DEEPEST = 12


class Unknown:
    """What only running would tell."""

    def __repr__(self):
        return "?"


UNKNOWN = Unknown()


def parse(name):
    try:
        with open(os.path.join(FOLDER, name), "rb") as source:
            return ast.parse(source.read(), name)
    except (OSError, SyntaxError, ValueError):
        return None


def dotted(node):
    """`a.b.c` as text, or None."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return None if left is None else "%s.%s" % (left, node.attr)
    return None


def constant(node):
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


NAME = "DJANGO_SETTINGS_MODULE"


def entry(name):
    """Which settings a module chooses, whether it overrules the environment, and whether it is an application."""
    tree = parse(name)
    found = {"settings": None, "overrules": False, "application": []}
    if tree is None:
        return found
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in ("os.environ.setdefault", "environ.setdefault"):
            if len(node.args) == 2 and constant(node.args[0]) == NAME and constant(node.args[1]):
                found["settings"] = found["settings"] or constant(node.args[1])
    for node in tree.body:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target = node.targets[0]
        if isinstance(target, ast.Subscript) and dotted(target.value) in ("os.environ", "environ"):
            key = target.slice.value if type(target.slice).__name__ == "Index" else target.slice
            if constant(key) == NAME and constant(node.value):
                found.update(settings=constant(node.value), overrules=True)
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Call):
            called = dotted(node.value.func) or ""
            if called.endswith(("get_wsgi_application", "WhiteNoise", "Cling", "DjangoWhiteNoise", "initialize")):
                found["application"].append(target.id)
    return found


def file_of(module):
    path = module.replace(".", "/")
    return next((f for f in (path + ".py", path + "/__init__.py") if f in FILES), None)


READERS = ("env", "config", "environ", "getenv", "Env")
KINDS = {"bool", "str", "int", "list", "url", "path", "db", "db_url", "dj_db_url", "json", "cache", "float", "tuple", "dict"}


class Settings:
    def __init__(self):
        self.values = {}
        self.variables = {}
        self.places = {}
        self.missing = []
        self.reading = []
        # How many conditions that only running would decide are around what is read.
        self.unsure = 0

    def module(self, module, depth=0):
        name = file_of(module)
        if name is None:
            self.missing.append(module)
            return
        if name in self.reading or depth > DEEPEST:
            return
        tree = parse(name)
        self.reading.append(name)
        if tree is not None:
            self.values["__file__"] = os.path.join(FOLDER, name)
            self.body(tree.body, module if name.endswith("__init__.py") else module.rpartition(".")[0], name, depth)
        self.reading.pop()

    def body(self, nodes, package, name, depth):
        for node in nodes:
            self.statement(node, package, name, depth)

    def statement(self, node, package, name, depth):
        if isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            target = ".".join([*base, node.module] if node.module else base)
            here = self.values.get("__file__")
            if file_of(target) is not None:
                self.module(target, depth + 1)
            self.values["__file__"] = here
        elif isinstance(node, ast.ImportFrom) and node.module in ("os", "pathlib"):
            pass
        elif isinstance(node, ast.Assign):
            value = self.value(node.value, name)
            for target in node.targets:
                self.assign(target, value, node, name)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self.assign(node.target, self.value(node.value, name), node, name)
        elif isinstance(node, ast.AugAssign):
            self.assign(node.target, self.sum(self.value(node.target, name), self.value(node.value, name)), node, name)
        elif isinstance(node, ast.If):
            self.branches(node, package, name, depth)
        elif isinstance(node, ast.For):
            self.loop(node, package, name, depth)
        elif isinstance(node, ast.Try):
            self.body(node.body, package, name, depth)
        elif isinstance(node, ast.With):
            self.body(node.body, package, name, depth)
        elif isinstance(node, ast.Expr):
            self.value(node.value, name)

    def loop(self, node, package, name, depth):
        """Over what is known; over anything else its body is read once, as under a condition."""
        over = self.value(node.iter, name)
        targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
        if isinstance(over, list) and all(isinstance(t, ast.Name) for t in targets):
            for item in over:
                for target, value in zip(targets, item if len(targets) > 1 else [item]):
                    self.values[target.id] = value
                self.body(node.body, package, name, depth)
            return
        self.unsure += 1
        self.body(node.body, package, name, depth)
        self.unsure -= 1

    def branches(self, node, package, name, depth):
        test = self.value(node.test, name)
        if test is not UNKNOWN:
            self.body(node.body if test else node.orelse, package, name, depth)
            return
        self.unsure += 1
        self.body(node.body, package, name, depth)
        before = dict(self.values)
        self.body(node.orelse, package, name, depth)
        for key in before if node.orelse else ():
            # What either branch says is not known to hold.
            if self.values[key] is not before[key] and self.values[key] != before[key]:
                self.values[key] = UNKNOWN
        self.unsure -= 1

    def assign(self, target, value, node, name):
        if isinstance(target, ast.Name):
            self.values[target.id] = value
            self.places[target.id] = "%s:%d" % (name, node.lineno)
        elif isinstance(target, ast.Subscript):
            holder = self.value(target.value, name)
            key = target.slice.value if type(target.slice).__name__ == "Index" else target.slice
            key = self.value(key, name)
            if isinstance(holder, dict) and isinstance(key, str):
                holder[key] = value

    def sum(self, left, right):
        if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
            return [*left, *right]
        if isinstance(left, str) and isinstance(right, str):
            return left + right
        # What is added to is still there.
        return left if isinstance(left, list) else UNKNOWN

    def value(self, node, name):
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self.values.get(node.id, UNKNOWN)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            found = []
            for item in node.elts:
                if isinstance(item, ast.Starred):
                    inner = self.value(item.value, name)
                    found.extend(inner if isinstance(inner, (list, tuple)) else [])
                else:
                    found.append(self.value(item, name))
            return found
        if isinstance(node, ast.Dict):
            pairs = ((self.value(k, name), self.value(v, name)) for k, v in zip(node.keys, node.values) if k)
            return {k: v for k, v in pairs if isinstance(k, str)}
        if isinstance(node, ast.BinOp):
            left, right = self.value(node.left, name), self.value(node.right, name)
            if isinstance(node.op, ast.Div) and isinstance(left, str) and isinstance(right, str):
                return os.path.join(left, right)
            if isinstance(node.op, ast.Add):
                return self.sum(left, right)
            return UNKNOWN
        if isinstance(node, ast.BoolOp):
            values = [self.value(v, name) for v in node.values]
            if isinstance(node.op, ast.Or):
                # `os.environ.get("X") or "default"` without X.
                for v in values:
                    if v is UNKNOWN or v:
                        return v
                return values[-1]
            return UNKNOWN if UNKNOWN in values else all(values) and values[-1]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.value(node.operand, name)
            return UNKNOWN if inner is UNKNOWN else not inner
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self.compare(node, name)
        if isinstance(node, ast.IfExp):
            test = self.value(node.test, name)
            return UNKNOWN if test is UNKNOWN else self.value(node.body if test else node.orelse, name)
        if isinstance(node, ast.Subscript):
            return self.subscript(node, name)
        if isinstance(node, ast.Attribute):
            inner = self.value(node.value, name)
            if node.attr == "parent" and isinstance(inner, str):
                return os.path.dirname(inner)
            return UNKNOWN
        if isinstance(node, ast.Call):
            return self.call(node, name)
        return UNKNOWN

    def compare(self, node, name):
        right = node.comparators[0]
        if dotted(right) in ("os.environ", "environ") and constant(node.left):
            self.read(constant(node.left), node, name, False)
            return (constant(node.left) in ENVIRONMENT) == isinstance(node.ops[0], ast.In)
        left, other = self.value(node.left, name), self.value(right, name)
        if left is UNKNOWN or other is UNKNOWN:
            return UNKNOWN
        if isinstance(node.ops[0], (ast.Eq, ast.Is)):
            return left == other
        if isinstance(node.ops[0], (ast.NotEq, ast.IsNot)):
            return left != other
        try:
            if isinstance(node.ops[0], ast.In):
                return left in other
            if isinstance(node.ops[0], ast.NotIn):
                return left not in other
        except TypeError:
            pass
        return UNKNOWN

    def subscript(self, node, name):
        key = node.slice.value if type(node.slice).__name__ == "Index" else node.slice
        if dotted(node.value) in ("os.environ", "environ"):
            if constant(key):
                self.read(constant(key), node, name, True)
            return ENVIRONMENT.get(constant(key), UNKNOWN)
        holder, at = self.value(node.value, name), self.value(key, name)
        try:
            return holder[at] if isinstance(holder, (dict, list)) else UNKNOWN
        except (KeyError, IndexError, TypeError):
            return UNKNOWN

    def read(self, variable, node, name, required):
        required = required and self.unsure == 0
        known = self.variables.get(variable)
        if known is None:
            self.variables[variable] = {"required": required, "where": "%s:%d" % (name, node.lineno)}
        elif required:
            known["required"] = True

    def call(self, node, name):
        called = dotted(node.func) or ""
        args = node.args
        first = constant(args[0]) if args else None
        last = node.func.attr if isinstance(node.func, ast.Attribute) else called
        if called in ("os.path.join", "path.join"):
            parts = [self.value(a, name) for a in args]
            return os.path.join(*parts) if parts and all(isinstance(p, str) for p in parts) else UNKNOWN
        if isinstance(node.func, ast.Attribute) and last in ("values", "items", "get", "rpartition"):
            known = self.method(node, last, name)
            if known is not None:
                return known
        if called in ("os.path.basename", "basename") and len(args) == 1:
            inner = self.value(args[0], name)
            return os.path.basename(inner) if isinstance(inner, str) else UNKNOWN
        if called in ("os.path.dirname", "dirname", "os.path.abspath", "os.path.realpath", "abspath", "Path", "str", "pathlib.Path"):
            inner = self.value(args[0], name) if len(args) == 1 else UNKNOWN
            if not isinstance(inner, str):
                return UNKNOWN
            return os.path.dirname(inner) if last == "dirname" else inner
        if last in ("resolve", "absolute", "strip", "lower") and isinstance(node.func, ast.Attribute):
            return self.value(node.func.value, name)
        if last == "split" and isinstance(node.func, ast.Attribute):
            text = self.value(node.func.value, name)
            return text.split(first or None) if isinstance(text, str) else UNKNOWN
        if called == "bool" and len(args) == 1:
            inner = self.value(args[0], name)
            return UNKNOWN if inner is UNKNOWN else bool(inner)
        if last in ("append", "insert", "extend") and isinstance(node.func, ast.Attribute) and args:
            holder, item = self.value(node.func.value, name), self.value(args[-1], name)
            if isinstance(holder, list):
                holder.extend(item if last == "extend" and isinstance(item, list) else [item])
            return UNKNOWN
        if called in ("os.environ.get", "environ.get", "os.getenv", "getenv") and first:
            self.read(first, node, name, False)
            if first in ENVIRONMENT:
                return ENVIRONMENT[first]
            return self.value(args[1], name) if len(args) > 1 else self.keyword(node, "default", name, None)
        root, _, kind = called.partition(".")
        if first and (root in READERS and (kind in KINDS or kind == "")):
            default = self.value(args[1], name) if len(args) > 1 and root != "config" else self.keyword(node, "default", name, UNKNOWN)
            required = len(args) < 2 and not any(k.arg == "default" for k in node.keywords)
            self.read(first, node, name, required)
            if first in ENVIRONMENT:
                return self.converted(ENVIRONMENT[first], kind)
            return self.url(default) if kind in ("db", "db_url", "dj_db_url") else default
        for inner in [*args, *(k.value for k in node.keywords)]:
            if isinstance(inner, ast.Call):
                self.value(inner, name)
        if last == "config" and "database" in root:
            self.read("DATABASE_URL", node, name, False)
            if "DATABASE_URL" in ENVIRONMENT:
                return self.url(ENVIRONMENT["DATABASE_URL"])
            return self.url(self.keyword(node, "default", name, UNKNOWN))
        if last == "parse" and "database" in root and args:
            return self.url(self.value(args[0], name))
        return UNKNOWN

    def method(self, node, last, name):
        """Of a known dictionary or text; None where it is another's."""
        holder = self.value(node.func.value, name)
        if isinstance(holder, dict) and last == "values":
            return list(holder.values())
        if isinstance(holder, dict) and last == "items":
            return [[key, value] for key, value in holder.items()]
        if isinstance(holder, dict) and last == "get" and node.args:
            otherwise = self.value(node.args[1], name) if len(node.args) > 1 else None
            return holder.get(self.value(node.args[0], name), otherwise)
        if isinstance(holder, str) and last == "rpartition" and node.args:
            return list(holder.rpartition(constant(node.args[0]) or " "))
        return None

    def converted(self, text, kind):
        if kind in ("db", "db_url", "dj_db_url"):
            return self.url(text)
        if kind == "bool":
            return text.lower() in ("1", "true", "yes", "on", "y", "t")
        if kind in ("list", "tuple"):
            return [part.strip() for part in text.split(",")]
        return text if kind in ("", "str", "path", "url") else UNKNOWN

    def keyword(self, node, wanted, name, otherwise):
        return next((self.value(k.value, name) for k in node.keywords if k.arg == wanted), otherwise)

    def url(self, text):
        if not isinstance(text, str):
            return UNKNOWN
        scheme, _, rest = text.partition("://")
        engines = {"sqlite": "django.db.backends.sqlite3", "mysql": "django.db.backends.mysql"}
        engine = engines.get(scheme, "django.db.backends.postgresql" if scheme.startswith("p") else scheme)
        if scheme == "sqlite":
            return {"ENGINE": engine, "NAME": rest[1:] if rest.startswith("/") else rest, "HOST": ""}
        return {"ENGINE": engine, "NAME": rest.rpartition("/")[2], "HOST": rest.partition("/")[0].rpartition("@")[2].partition(":")[0]}


def plain(value):
    """As JSON; what is not known is null."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return None


WANTED = (
    "DEBUG ALLOWED_HOSTS CSRF_TRUSTED_ORIGINS SECURE_PROXY_SSL_HEADER DATABASES INSTALLED_APPS MIDDLEWARE "
    "WSGI_APPLICATION ASGI_APPLICATION ROOT_URLCONF LOGIN_URL TIME_ZONE STATIC_URL STATIC_ROOT STATICFILES_STORAGE "
    "STORAGES MEDIA_URL MEDIA_ROOT DEFAULT_FILE_STORAGE CACHES LOGGING"
).split()


def main():
    entries = {f: entry(f) for f in sorted(FILES) if f == "manage.py" or os.path.basename(f) in ("wsgi.py", "asgi.py", "app.py")}
    answer = {"python": "%d.%d.%d" % sys.version_info[:3], "entries": entries, "settings": None}
    if REQUEST["settings"] is not None and file_of(REQUEST["settings"]) is not None:
        found = Settings()
        found.module(REQUEST["settings"])
        values = {k: plain(found.values[k]) for k in WANTED if k in found.values and found.values[k] is not UNKNOWN}
        key = found.values.get("SECRET_KEY", UNKNOWN)
        secret = "unknown" if key is UNKNOWN else "own" if key else "empty"
        answer["settings"] = {
            "file": file_of(REQUEST["settings"]),
            "values": values,
            "unknown": [k for k in WANTED if found.values.get(k, None) is UNKNOWN],
            "secret": secret if "SECRET_KEY" in found.values else "empty",
            "variables": found.variables,
            "places": {k: v for k, v in found.places.items() if k in WANTED or k == "SECRET_KEY"},
        }
    json.dump(answer, sys.stdout)


main()
