/**
 * The program of nginx-hold.service: holds whatever comes to a socket until it is known who answers, and is nginx from
 * then on, on the very same socket, so that nothing that waits there is lost. The kernel keeps what waits: no request is
 * read before. nginx takes a socket that is open already by its descriptor's number in $NGINX, as when its binary is
 * replaced under it (nginx documentation, "Controlling nginx").
 *
 * What answers is said by nginx's configuration: as long as there is none, it holds.
 */
export const holder = `import os, socket, sys, time

path, config = sys.argv[1:3]
try:
    os.unlink(path)
except FileNotFoundError:
    pass
held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
held.bind(path)
os.chmod(path, 0o666)
# As many as the kernel allows: net.core.somaxconn.
held.listen(65535)
while not os.path.exists(config):
    time.sleep(0.01)
held.set_inheritable(True)
os.execve("/usr/sbin/nginx", ["nginx", "-c", config], {**os.environ, "NGINX": "%d;" % held.fileno()})
`;
