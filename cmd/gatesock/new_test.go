//go:build unix && !race

package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/scaffold"
	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/internal/npmtest"
)

// TestNew makes each project in an empty folder, and does there what its README proposes, by the
// commands that a person would type. One follows the other, since all of them compile. What their
// tests are made of is tested under the race detector in examples.
func TestNew(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	var templates []string
	for _, name := range scaffold.Projects() {
		p := newProject(t, root, name)
		p.isTidy()
		p.run("make", "test", "TESTFLAGS=-vet=off") // make test runs go vet itself
		p.builds()
		templates = append(templates, p.makesTemplate())
		p.talks()
		p.hasOnlyWhatGitIgnores()
	}
	for finding := range strings.Lines(string(npmtest.Node(t, "cloudformation.cjs", templates...))) {
		require.Regexp(t, `"severity":"(INFO|DEBUG)"`, finding)
	}
}

func TestNewFails(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "file"), nil, 0o600))
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"an unknown project":  {[]string{"shop", "x"}, misused, `must be one of "chat","iot","blank" but got "shop"`},
		"no folder":           {[]string{"chat"}, misused, `"<dir>"`},
		"an empty name":       {[]string{"chat", ""}, misused, "the name of the folder is empty: use . for the current folder"},
		"the library's path":  {[]string{"chat", "x", "--library", repository(t), "--module", "github.com/gatesock/gatesock"}, failed, "is that of the library itself"},
		"a working copy":      {[]string{"chat", "x"}, misused, "name the working copy with --library"},
		"a bad path":          {[]string{"chat", "x", "--library", repository(t), "--module", "a b"}, failed, `no module can have the path "a b"`},
		"not the library":     {[]string{"chat", "x", "--library", root}, failed, "is not a copy of the library"},
		"a file":              {[]string{"chat", "file", "--library", repository(t)}, failed, "is a file"},
		"a folder with files": {[]string{"chat", ".", "--library", repository(t)}, failed, "is not empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems, status := runNew(t, root, nil, c.args...)
			require.Equal(t, c.status, status, problems)
			require.Contains(t, problems, c.want)
			require.NoDirExists(t, filepath.Join(root, "x"))
		})
	}
}

// Without the network the project stays, and the error names the command to run later.
func TestNewWithoutNetwork(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	empty := t.TempDir() // a cache without modules
	out, problems, status := runNew(t, root, []string{"GOMODCACHE=" + empty, "GOPROXY=off", "GOFLAGS=-mod=mod"},
		"blank", "app", "--library", repository(t))
	require.Equal(t, failed, status, problems)
	require.Empty(t, out)
	require.Contains(t, problems, "go mod tidy failed")
	require.Contains(t, problems, "run it again there")
	require.FileExists(t, filepath.Join(root, "app", "main.go"))
}

// runNew runs "gatesock new" in a folder.
func runNew(t *testing.T, folder string, env []string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), path, append([]string{"new"}, args...)...)
	var out, problems bytes.Buffer
	c.Dir, c.Stdout, c.Stderr = folder, &out, &problems
	c.Env = append(append(os.Environ(), asTool+"=1"), env...)
	err = c.Run()
	var exit *exec.ExitError
	require.True(t, err == nil || errors.As(err, &exit), "%v", err)
	return out.String(), problems.String(), c.ProcessState.ExitCode()
}

// repository returns the folder of the library's module.
func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	return root
}

// project is a project that a test has made.
type project struct {
	t      *testing.T
	name   string
	folder string
}

func newProject(t *testing.T, root, name string) *project {
	t.Helper()
	out, problems, status := runNew(t, root, nil, name, "my-"+name, "--module", "example.org/team/"+name, "--library", repository(t))
	require.Zero(t, status, problems)
	require.Contains(t, out, "cd my-"+name+"\n")
	require.Contains(t, out, "example.org/team/"+name)
	return &project{t, name, filepath.Join(root, "my-"+name)}
}

// run runs a command in the project's folder, which must succeed, and returns what it prints.
func (p *project) run(command string, args ...string) string {
	p.t.Helper()
	c := exec.CommandContext(p.t.Context(), command, args...)
	c.Dir = p.folder
	out, err := c.CombinedOutput()
	require.NoError(p.t, err, "%s: %s %s:\n%s", p.name, command, strings.Join(args, " "), out)
	return string(out)
}

func (p *project) read(file string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.folder, file))
	require.NoError(p.t, err)
	return string(text)
}

func (p *project) isTidy() {
	p.t.Helper()
	require.Empty(p.t, p.run("go", "mod", "tidy", "-diff"))
	require.Contains(p.t, p.read("go.mod"), "tool github.com/gatesock/gatesock/cmd/gatesock\n")
}

// builds checks that the function is one for Lambda's runtime on arm64.
func (p *project) builds() {
	p.t.Helper()
	p.run("make", "build")
	file, err := elf.Open(filepath.Join(p.folder, "dist", "bootstrap"))
	require.NoError(p.t, err)
	defer file.Close()
	require.Equal(p.t, elf.EM_AARCH64, file.Machine)
}

// makesTemplate checks that the template has what the program describes, and for one project that a
// second one, which CI compares with the first, is the same. It returns the name of the file.
func (p *project) makesTemplate() string {
	p.t.Helper()
	p.run("make", "template")
	template := p.read("template.yaml")
	app, err := describe.Parse([]byte(p.run("env", "GATESOCK_DESCRIBE=1", "go", "run", ".")))
	require.NoError(p.t, err)
	checkRoutes(p.t, app, template)
	if p.name == "blank" { // each time the program is linked again
		p.run("make", "template")
		require.Equal(p.t, template, p.read("template.yaml"))
	}
	return filepath.Join(p.folder, "template.yaml")
}

// talks runs the program, has the conversation of the README with it, and interrupts it.
func (p *project) talks() {
	p.t.Helper()
	s := p.start("make", "run", "ADDR=127.0.0.1:0")
	conversation(p.t, p.read("README.md"), func(paragraph string) *client { return s.client(p.name, paragraph) })
	if p.name == "chat" {
		page := s.get("/")
		require.Contains(p.t, page, "<title>Chat</title>")
	}
	s.interrupt()
}

// hasOnlyWhatGitIgnores checks that the commands have left nothing that a commit would have by
// mistake.
func (p *project) hasOnlyWhatGitIgnores() {
	p.t.Helper()
	p.run("git", "init", "-q")
	untracked := strings.Fields(p.run("git", "status", "--porcelain", "--untracked-files=all", "--no-renames"))
	for _, name := range untracked {
		require.NotContains(p.t, name, "dist/")
		require.NotContains(p.t, name, ".zip")
	}
	require.Contains(p.t, untracked, "template.yaml")
}

// get returns a page that the program serves.
func (s *server) get(path string) string {
	s.t.Helper()
	host := regexp.MustCompile(`^ws://([^/]+)`).FindStringSubmatch(s.url)[1]
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+host+path, nil)
	require.NoError(s.t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, answer.StatusCode)
	return string(text)
}

func TestShellWord(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"chat":         "chat",
		"../a/b-c_1.2": "../a/b-c_1.2",
		"café":         "café",
		"my app":       "'my app'",
		"ann's":        `'ann'\''s'`,
		"$HOME":        "'$HOME'",
		"-x":           "./-x",
	} {
		require.Equal(t, want, shellWord(path), path)
	}
}
