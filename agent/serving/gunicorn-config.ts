/**
 * gunicorn's settings for every app. A project's own gunicorn.conf.py stays in force, as without everspot, but for what
 * cannot work under systemd and behind nginx; gunicorn itself lets its command line, which has the socket, the number of
 * workers and the timeout, outweigh both (gunicorn documentation, "Configuration Overview").
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";

/** Read from the working directory, which is the release. */
const OWN = "gunicorn.conf.py";

export const gunicornConfig = `import os
if os.path.exists(${JSON.stringify(OWN)}):
    __file__ = os.path.abspath(${JSON.stringify(OWN)})
    with open(__file__, "rb") as own:
        exec(compile(own.read(), __file__, "exec"), globals())
# systemd watches the process that it started, and nginx knows one socket, without TLS.
daemon = False
reuse_port = False
certfile = keyfile = pidfile = None
for name in ("bind", "user", "group"):
    globals().pop(name, None)
`;

/** The file of a release that is in force besides, if there is one. */
export const ownGunicornConfig = (folder: string): Promise<string | undefined> =>
  stat(join(folder, OWN)).then(
    () => OWN,
    () => undefined,
  );
