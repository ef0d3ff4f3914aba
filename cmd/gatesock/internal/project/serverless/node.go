package serverless

import (
	"bufio"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// loader is the program that Node.js runs to load files of the project.
//
//go:embed loader.cjs
var loader string

// nodeProcess is a Node.js that loads files of one project.
type nodeProcess struct {
	ctx     context.Context //nolint:containedctx // that of Read, which ends the process
	command *exec.Cmd
	input   io.WriteCloser
	lines   *bufio.Reader
	output  tail
	last    int
	early   map[int]message // replies to requests that wait for another one, by ID
	err     error           // that it did not start, or has ended
}

// request and message are lines of the protocol with the loader.
type request struct {
	ID      int               `json:"id,omitempty"`
	Config  bool              `json:"config,omitempty"`
	File    string            `json:"file,omitempty"`
	Address string            `json:"address,omitempty"`
	Options map[string]string `json:"options,omitempty"`

	Call  int             `json:"call,omitempty"` // the reply to a message with this one
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

type message struct {
	ID    int
	Value json.RawMessage
	Error string
	Files []string

	Call     int
	Variable string
	Keys     []string

	Fatal string
}

// loadTimeout is how long a file may take to load.
const loadTimeout = time.Minute

// startNode starts Node.js in a folder.
func startNode(ctx context.Context, folder string, env map[string]string) *nodeProcess {
	p := &nodeProcess{ctx: ctx, early: map[int]message{}}
	node, err := exec.LookPath("node")
	if err != nil {
		p.err = errors.New("it needs Node.js, and there is no node in the PATH; install Node.js 20 or later")
		return p
	}
	p.command = exec.CommandContext(ctx, node, "-e", loader)
	p.command.Dir = folder
	p.command.Env = environ(env)
	p.command.Stderr = &p.output
	p.command.WaitDelay = time.Second
	output, err := p.command.StdoutPipe()
	if err == nil {
		p.input, err = p.command.StdinPipe()
	}
	if err == nil {
		err = p.command.Start()
	}
	if err != nil {
		p.command, p.err = nil, fmt.Errorf("cannot start Node.js: %w", err)
		return p
	}
	p.lines = bufio.NewReader(output)
	return p
}

// isCredential reports whether a variable of the environment is a secret of AWS.
func isCredential(name string) bool {
	switch name {
	case "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE",
		"AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN":
		return true
	}
	return false
}

// environ returns the environment of Node.js: what it needs of this process, and env.
func environ(env map[string]string) []string {
	var list []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SystemRoot", "USERPROFILE", "APPDATA", "LANG"} {
		if value, ok := os.LookupEnv(name); ok {
			list = append(list, name+"="+value)
		}
	}
	for _, name := range sortedKeys(env) {
		list = append(list, name+"="+env[name])
	}
	return append(list, "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
}

// load has Node.js load a file. answer is called for each call that the file makes.
func (p *nodeProcess) load(req request, answer func(message) request) (message, error) {
	if p.err != nil {
		return message{}, p.err
	}
	p.last++
	req.ID = p.last
	timer := time.AfterFunc(loadTimeout, func() { _ = p.command.Process.Kill() })
	defer timer.Stop()
	if err := p.send(req); err != nil {
		return message{}, p.ended(err)
	}
	for {
		m, err := p.message(req.ID)
		if err != nil {
			return message{}, p.ended(err)
		}
		switch {
		case m.Fatal != "":
			return message{}, p.ended(errors.New(m.Fatal))
		case m.Call != 0:
			reply := answer(m)
			reply.Call = m.Call
			if err := p.send(reply); err != nil {
				return message{}, p.ended(err)
			}
		case m.ID != req.ID: // of a file whose call loads this one
			p.early[m.ID] = m
		case m.Error != "":
			return m, errors.New(m.Error)
		default:
			return m, nil
		}
	}
}

// message returns the next message, or the reply with an ID if it has come early.
func (p *nodeProcess) message(id int) (message, error) {
	if m, ok := p.early[id]; ok {
		return m, nil
	}
	line, err := p.line()
	if err != nil {
		return message{}, err
	}
	var m message
	err = json.Unmarshal(line, &m)
	return m, err
}

func (p *nodeProcess) send(r request) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = p.input.Write(append(line, '\n'))
	return err
}

// line returns a line of the loader.
func (p *nodeProcess) line() ([]byte, error) {
	var line []byte
	for {
		piece, err := p.lines.ReadSlice('\n')
		if line = append(line, piece...); len(line) > maxFile {
			return nil, errTooLarge
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// ended notes that the process is of no use any more, and returns why.
func (p *nodeProcess) ended(err error) error {
	p.stop()
	if p.ctx.Err() != nil {
		err = p.ctx.Err()
	}
	text := strings.TrimSpace(p.output.String())
	if errors.Is(err, io.EOF) || strings.Contains(err.Error(), "broken pipe") {
		err = errors.New("the Node.js that ran it has ended")
	}
	if text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	p.err = err
	return err
}

// stop ends the process.
func (p *nodeProcess) stop() {
	if p == nil || p.command == nil {
		return
	}
	_ = p.input.Close()
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
	p.command = nil
	p.err = cmp.Or(p.err, errors.New("the Node.js that runs it was stopped"))
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(data []byte) (int, error) {
	const most = 2000
	t.kept = append(t.kept, data...)
	if len(t.kept) > 2*most {
		t.kept = slices.Clone(t.kept[len(t.kept)-most:])
	}
	return len(data), nil
}

func (t *tail) String() string { return string(t.kept) }

// run returns the value of a file of JavaScript or TypeScript, as a tree without lines.
func (v *resolver) run(req request, n *yaml.Node) (*yaml.Node, error) {
	if v.node == nil {
		v.node = startNode(v.ctx, v.folder, v.options.Env)
	}
	req.Options = map[string]string{}
	for _, key := range keys(v.option("")) {
		req.Options[key] = textOf(get(v.option(""), key))
	}
	m, err := v.node.load(req, func(m message) request { return v.answer(m, n) })
	for _, file := range m.Files {
		v.fileIndex(filepath.Clean(file))
	}
	if err != nil {
		return nil, err
	}
	file := v.fileIndex(req.File)
	tree, err := v.parse(m.Value, file)
	if err != nil {
		return nil, err
	}
	setLines(tree, file*linesPerFile)
	return tree, nil
}

// answer answers a call of a file for a variable or a property.
func (v *resolver) answer(m message, n *yaml.Node) request {
	var value *yaml.Node
	if m.Variable != "" {
		parts, err := parseText("${" + m.Variable + "}")
		if err != nil {
			return request{Error: err.Error()}
		}
		if len(parts) != 1 || parts[0].variable == nil {
			return request{Error: fmt.Sprintf("%q is not a variable", m.Variable)}
		}
		value, _ = v.variable(parts[0].variable, n)
	} else {
		value = v.self(strings.Join(m.Keys, "."))
	}
	if value == nil {
		return request{Value: json.RawMessage("null")}
	}
	return request{Value: json.RawMessage(toJSON(v.resolve(value)))}
}

func setLines(n *yaml.Node, line int) {
	n.Line = line
	for _, child := range n.Content {
		setLines(child, line)
	}
}
