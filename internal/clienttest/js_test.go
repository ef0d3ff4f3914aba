package clienttest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// What is tested in place of the sources in clients/js/src: other sources, or modules that are
// built.
const (
	sourceVariable = "GATESOCK_SRC"
	distVariable   = "GATESOCK_DIST"
)

// built builds the modules once, and needs finds Node.js.
//
//nolint:gochecknoglobals // a process does it once
var (
	built = sync.OnceValues(buildModules)
	needs = sync.OnceValues(findNode)
	rest  []string // folders to be removed
)

func TestMain(m *testing.M) {
	code := m.Run()
	for _, folder := range rest {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

// outputOf runs a program that ends soon.
func outputOf(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput() //nolint:noctx // it ends soon
	if err != nil {
		return "", fmt.Errorf("clienttest: %s: %w\n%s", name, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

func findNode() (string, error) { return outputOf(filepath.Join(root, "scripts/need"), "node") }

// buildModules returns the folder of the modules.
func buildModules() (string, error) {
	if folder := os.Getenv(distVariable); folder != "" {
		return folder, nil
	}
	folder, err := os.MkdirTemp("", "gatesock-client-")
	if err != nil {
		return "", fmt.Errorf("clienttest: %w", err)
	}
	rest = append(rest, folder)
	from := os.Getenv(sourceVariable)
	if from == "" {
		from = filepath.Join(root, "clients/js/src")
	}
	sources, err := filepath.Glob(filepath.Join(from, "*.ts"))
	if err != nil {
		return "", fmt.Errorf("clienttest: %w", err)
	}
	esbuild := filepath.Join(root, "clients/js/node_modules/.bin/esbuild")
	if _, err := os.Stat(esbuild); err != nil {
		if _, err := outputOf(filepath.Join(root, "scripts/js-test"), "--prepare"); err != nil {
			return "", err
		}
	}
	args := slices.Concat(sources, []string{"--outdir=" + folder, "--format=esm", "--target=es2022", "--log-level=warning"})
	if _, err := outputOf(esbuild, args...); err != nil {
		return "", err
	}
	// Without it, Node.js takes the modules for those of CommonJS.
	err = os.WriteFile(filepath.Join(folder, "package.json"), []byte(`{"type":"module"}`), 0o600)
	return folder, err
}

// node is a process with clients.
type node struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startNode(t *testing.T) *node {
	t.Helper()
	folder, err := built()
	require.NoError(t, err)
	program, err := needs()
	require.NoError(t, err)
	cmd := exec.Command(program, filepath.Join(root, "clients/js/test/agent.mjs"), folder) //nolint:noctx // it ends with its input
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	n := &node{cmd: cmd, in: in, out: bufio.NewReaderSize(out, 1<<16)}
	t.Cleanup(func() {
		_ = n.in.Close()
		_ = n.cmd.Wait()
	})
	return n
}

// input is what the process is told.
type input struct {
	Agent   int      `json:"agent"`
	Op      string   `json:"op"`
	Now     float64  `json:"now"`
	Options *options `json:"options,omitempty"`
	Command *command `json:"command,omitempty"`
	Conn    int      `json:"conn,omitempty"`
	Code    int      `json:"code,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Frame   string   `json:"frame,omitempty"`
}

type output struct {
	Actions  []action `json:"actions"`
	Deadline *float64 `json:"deadline"`
	Left     string   `json:"left"`
	Error    string   `json:"error"`
}

// tell says the process something, and returns its answer.
func (n *node) tell(in input) (out output) {
	line, err := json.Marshal(in)
	if err == nil {
		_, err = n.in.Write(append(line, '\n'))
	}
	if err == nil {
		line, err = n.out.ReadBytes('\n')
	}
	if err == nil {
		err = json.Unmarshal(line, &out)
	}
	if err != nil {
		panic(fmt.Sprintf("clienttest: the process of the client: %v", err))
	}
	if out.Error != "" {
		out.Actions = append(out.Actions, action{Do: "told", Text: "report " + out.Error})
	}
	return out
}

// script is the client in TypeScript.
type script struct {
	n      *node
	number int
	queue  []action
	due    time.Time
}

var _ agent = (*script)(nil)

func (s *script) tell(now time.Time, in input) {
	in.Agent, in.Now = s.number, float64(now.UnixMicro())/1e3
	out := s.n.tell(in)
	s.queue = append(s.queue, out.Actions...)
	s.due = time.Time{}
	if out.Deadline != nil {
		s.due = time.UnixMicro(int64(math.Ceil(*out.Deadline * 1e3)))
	}
}

func (s *script) begin(now time.Time, o options) { s.tell(now, input{Op: "begin", Options: &o}) }
func (s *script) do(now time.Time, c command)    { s.tell(now, input{Op: "do", Command: &c}) }
func (s *script) opened(now time.Time, conn int) { s.tell(now, input{Op: "opened", Conn: conn}) }
func (s *script) tick(now time.Time)             { s.tell(now, input{Op: "tick"}) }

// refused does not tell the status, which browsers do not show.
func (s *script) refused(now time.Time, conn, _ int) { s.tell(now, input{Op: "refused", Conn: conn}) }

func (s *script) closed(now time.Time, conn, code int, reason string) {
	s.tell(now, input{Op: "closed", Conn: conn, Code: code, Reason: reason})
}

func (s *script) received(now time.Time, conn int, frame []byte) {
	s.tell(now, input{Op: "received", Conn: conn, Frame: string(frame)})
}

func (s *script) deadline() (time.Time, bool) { return s.due, !s.due.IsZero() }

func (s *script) next() (a action, ok bool) {
	if len(s.queue) == 0 {
		return a, false
	}
	a = s.queue[0]
	s.queue = s.queue[1:]
	return a, true
}

func (s *script) left() string { return s.n.tell(input{Agent: s.number, Op: "left"}).Left }

// TestScript plays the scenarios with the client in TypeScript.
func TestScript(t *testing.T) {
	n := startNode(t)
	playAll(t, "js", func(*testing.T) agent { return &script{n: n} })
}
