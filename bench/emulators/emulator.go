package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/bench/internal/harness"
)

// contender is an emulator that can be started.
type contender struct {
	name string
	ours bool
	node bool // needs Node.js
	// start starts it at a port.
	start func(ctx context.Context, at start) (*running, error)
	// size returns the bytes that must be installed.
	size func(context.Context) (int64, error)
	// path is the path of its address.
	path string
}

// start is how an emulator is started.
type start struct {
	port int
	// folder is a new folder for it.
	folder string
	// seen is a file in the folder. If it is there, handlers write down which routes were invoked.
	seen string
}

// The names of the emulators.
const (
	nameInProcess  = "gatesock in process"
	nameGoChild    = "gatesock, Go function"
	nameNodeChild  = "gatesock, Node.js function"
	nameServerless = "serverless-offline 14.8.2"
	nameArchitect  = "@architect/sandbox 8.0.0"
	nameWSServer   = "aws-lambda-ws-server 0.1.21"
)

func contenders() []contender {
	return []contender{
		{name: nameInProcess, ours: true, path: "local", start: startOurs(kindInProcess), size: ownSize},
		{name: nameGoChild, ours: true, path: "local", start: startOurs(kindGo), size: commandSize},
		{
			name: nameNodeChild, ours: true, node: true, path: "local", start: startOurs(kindNode),
			size: withNode(commandSize),
		},
		{
			name: nameServerless, node: true, start: startServerless,
			size: withNode(packagesSize("serverless-offline")),
		},
		{name: nameArchitect, node: true, start: startArchitect, size: withNode(packagesSize("architect"))},
		{name: nameWSServer, node: true, start: startWSServer, size: withNode(packagesSize("ws-server"))},
	}
}

// choose returns the emulators that the settings ask for.
func choose(s settings) ([]contender, error) {
	var list []contender
	for _, c := range contenders() {
		if s.alone && c.node {
			continue
		}
		for part := range strings.SplitSeq(s.only, ",") {
			if strings.Contains(c.name, part) {
				list = append(list, c)
				break
			}
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("-only %s names no emulator", s.only)
	}
	return list, nil
}

// startOurs starts the role serve.
func startOurs(kind string) func(context.Context, start) (*running, error) {
	return func(ctx context.Context, at start) (*running, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		o := serveOrder{Kind: kind, Address: "127.0.0.1:" + strconv.Itoa(at.port), Seen: at.seen}
		if kind == kindNode {
			if o.Folder, err = peerFolder("node"); err != nil {
				return nil, err
			}
		}
		text, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		return run(exec.CommandContext(ctx, self, roleServe, string(text))) //nolint:gosec // it is this program
	}
}

func startServerless(ctx context.Context, at start) (*running, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	return startPeer(ctx, at, "serverless-offline", nil, "node_modules/osls/bin/serverless.js", "offline",
		"--host", "127.0.0.1", "--websocketPort", strconv.Itoa(at.port),
		"--httpPort", strconv.Itoa(ports[0]), "--lambdaPort", strconv.Itoa(ports[1]))
}

func startArchitect(ctx context.Context, at start) (*running, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	return startPeer(ctx, at, "architect", []string{"ARC_INTERNAL_PORT=" + strconv.Itoa(ports[0])},
		"node_modules/@architect/sandbox/src/cli/cli.js",
		"--port", strconv.Itoa(at.port), "--host", "127.0.0.1", "--quiet", "--disable-symlinks")
}

func startWSServer(ctx context.Context, at start) (*running, error) {
	return startPeer(ctx, at, "ws-server", []string{"PORT=" + strconv.Itoa(at.port), "MAPPING_KEY=action"}, "app.js")
}

// startPeer copies the folder of a peer, links its packages, and starts a script in it. The
// environment is the same for all: no settings of the user.
func startPeer(
	ctx context.Context, at start, peer string, env []string, script string, args ...string,
) (*running, error) {
	source, err := peerFolder(peer)
	if err != nil {
		return nil, err
	}
	modules, err := modulesOf(ctx, peer)
	if err != nil {
		return nil, err
	}
	node, err := findNode(ctx)
	if err != nil {
		return nil, err
	}
	note, err := os.ReadFile(filepath.Join(filepath.Dir(source), "note.js"))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(
		os.CopyFS(at.folder, os.DirFS(source)),
		os.WriteFile(filepath.Join(at.folder, "note.js"), note, 0o600),
		os.Symlink(modules, filepath.Join(at.folder, "node_modules")),
	); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, node, append([]string{script}, args...)...) //nolint:gosec // of this file
	cmd.Dir = at.folder
	cmd.Env = append([]string{
		"PATH=" + filepath.Dir(node) + ":/usr/bin:/bin", "HOME=" + at.folder, "LANG=C.UTF-8", "NO_UPDATE_NOTIFIER=1",
		"SLS_TELEMETRY_DISABLED=1", "SLS_NOTIFICATIONS_MODE=off", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
	}, env...)
	return run(cmd)
}

// freePorts returns ports of the loopback address that nothing used a moment ago.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it returns at once
		if err != nil {
			return nil, err
		}
		defer l.Close() // after all are chosen, so that they differ
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

func peerFolder(peer string) (string, error) {
	r, err := harness.Root()
	return filepath.Join(r, "bench", "emulators", "peers", peer), err
}

// modulesOf returns the folder with the packages of a peer, and installs them if they are missing.
func modulesOf(ctx context.Context, peer string) (string, error) {
	return script(ctx, "npm-tools", "NPM_TOOLS=bench/emulators/peers/"+peer, "--modules")
}

func findNode(ctx context.Context) (string, error) { return script(ctx, "need", "", "node") }

// script runs one of the repository's scripts and returns what it prints.
func script(ctx context.Context, name, env string, args ...string) (string, error) {
	r, err := harness.Root()
	if err != nil {
		return "", err
	}
	//nolint:gosec // the repository's own script
	cmd := exec.CommandContext(ctx, "bash", append([]string{filepath.Join(r, "scripts", name)}, args...)...)
	cmd.Stderr = os.Stderr
	if env != "" {
		cmd.Env = append(os.Environ(), env)
	}
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("scripts/%s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// ownSize returns the size of this program, which has the emulator in it.
func ownSize(context.Context) (int64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	return fileSize(self)
}

// commandSize builds the command gatesock and returns its size.
func commandSize(ctx context.Context) (int64, error) {
	r, err := harness.Root()
	if err != nil {
		return 0, err
	}
	folder, err := os.MkdirTemp("", "emulators")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "gatesock")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", file, "./cmd/gatesock") //nolint:gosec // its own folder
	cmd.Dir, cmd.Stderr = r, os.Stderr
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("go build ./cmd/gatesock: %w", err)
	}
	return fileSize(file)
}

func fileSize(file string) (int64, error) {
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// packagesSize returns the size of all files of a peer's packages.
func packagesSize(peer string) func(context.Context) (int64, error) {
	return func(ctx context.Context) (int64, error) {
		modules, err := modulesOf(ctx, peer)
		if err != nil {
			return 0, err
		}
		return folderSize(modules)
	}
}

func folderSize(folder string) (n int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}

// withNode adds the size of the program node.
func withNode(size func(context.Context) (int64, error)) func(context.Context) (int64, error) {
	return func(ctx context.Context) (int64, error) {
		n, err := size(ctx)
		if err != nil {
			return 0, err
		}
		node, err := findNode(ctx)
		if err != nil {
			return 0, err
		}
		more, err := fileSize(node)
		return n + more, err
	}
}
