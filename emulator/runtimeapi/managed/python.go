package managed

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

//go:embed bootstrap/python/bootstrap.py
var pythonBootstrap []byte

// pythonSettings is what the bootstrap for Python is told.
type pythonSettings struct {
	Handler string `json:"handler"`
	// Task is the folder of the code.
	Task string `json:"task"`
	// Before are folders of modules that count more than those of the interpreter, and After those
	// that count less.
	Before []string `json:"before"`
	After  []string `json:"after"`
	// Compiled is where the interpreter keeps compiled modules, instead of the folder of the code.
	Compiled string `json:"compiled"`
	// ASCII is whether the runtime writes other characters as escapes.
	ASCII bool `json:"ascii"`
}

// question is a Python program that says what the interpreter is, and which modules it finds.
const question = `
import importlib.util, json, sys
folders, names = json.loads(sys.argv[1])
sys.path[0:1] = folders
def has(name):
    try:
        return importlib.util.find_spec(name) is not None
    except Exception:
        return False
print(json.dumps({
    "path": sys.executable,
    "version": "%d.%d.%d" % sys.version_info[:3],
    "modules": {name: has(name) for name in names},
}))
`

// python prepares a function for Python.
func (p *preparation) python(ctx context.Context) (Program, error) {
	module, err := splitPythonHandler(p.Handler)
	if err != nil {
		return Program{}, err
	}
	settings := pythonSettings{
		Handler:  p.Handler,
		Task:     p.folder,
		Before:   p.layerSites(),
		After:    []string{},
		Compiled: filepath.Join(p.cache, "pycache"),
		ASCII:    older(p.version, 3, 12),
	}
	top, _, _ := strings.Cut(module, ".")
	python, err := p.findPython(ctx, append([]string{p.folder}, settings.Before...), []string{"boto3", top})
	if err != nil {
		return Program{}, err
	}
	if err := p.checkPythonHandler(python, module); err != nil {
		return Program{}, err
	}
	if !python.Modules["boto3"] {
		uses, err := p.namesBoto()
		if err != nil {
			return Program{}, err
		}
		if uses {
			folder, err := p.boto(ctx, python)
			if err != nil {
				return Program{}, err
			}
			settings.After = append(settings.After, folder)
		}
	}
	folder, err := p.keep("bootstrap", map[string][]byte{"bootstrap.py": pythonBootstrap})
	if err != nil {
		return Program{}, err
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return Program{}, err
	}
	command := []string{python.Path, filepath.Join(folder, "bootstrap.py"), string(text)}
	return Program{Command: command, Env: p.layerEnv()}, nil
}

// layerSites returns the folders in which Lambda looks for modules of layers.
func (p *preparation) layerSites() []string {
	folders := []string{}
	if p.opt == "" {
		return folders
	}
	for _, name := range []string{filepath.Join("lib", p.Runtime, "site-packages"), ""} {
		if folder := filepath.Join(p.opt, "python", name); isFolder(folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// findPython returns the Python of this machine: that of the project's virtual environment, or the
// one of the runtime's version, or else any that is not too old.
func (p *preparation) findPython(ctx context.Context, folders, modules []string) (interpreter, error) {
	ask, err := json.Marshal([][]string{folders, modules})
	if err != nil {
		return interpreter{}, err
	}
	return p.find(ctx, language{"Python", "python3", "3.8"}, p.pythons(), "-c", question, string(ask))
}

// pythons returns the programs to try, in order.
func (p *preparation) pythons() (programs []string) {
	bin := filepath.Join("bin", "python")
	if runtime.GOOS == "windows" {
		bin = filepath.Join("Scripts", "python.exe")
	}
	environments := []string{}
	if active := os.Getenv("VIRTUAL_ENV"); active != "" {
		environments = append(environments, active)
	}
	upwards(p.folder, func(at string) bool {
		environments = append(environments, filepath.Join(at, ".venv"), filepath.Join(at, "venv"))
		// Above the repository there is nothing of the project.
		_, err := os.Stat(filepath.Join(at, ".git"))
		return err != nil
	})
	for _, environment := range environments {
		if program := filepath.Join(environment, bin); isFile(program) {
			programs = append(programs, program)
		}
	}
	names := []string{"python3", "python"}
	if len(p.version) > 1 {
		names = append([]string{p.Runtime}, names...)
	}
	for _, name := range names {
		programs = append(programs, p.lookPath(name)...)
	}
	return programs
}

// checkPythonHandler returns an error if the handler's module is nowhere.
func (p *preparation) checkPythonHandler(python interpreter, module string) error {
	path := filepath.Join(strings.Split(module, ".")...)
	for _, folder := range append([]string{p.folder}, p.layerSites()...) {
		plain := filepath.Join(folder, path)
		if isFile(plain+".py") || isFile(filepath.Join(plain, "__init__.py")) {
			return nil
		}
		if compiled, err := filepath.Glob(plain + ".*"); err == nil && len(compiled) > 0 {
			return nil
		}
	}
	top, _, _ := strings.Cut(module, ".")
	if python.Modules[top] && !isFolder(filepath.Join(p.folder, top)) && !isFile(filepath.Join(p.folder, top+".py")) {
		return nil // of an installed package
	}
	name := filepath.ToSlash(path)
	return fmt.Errorf("the handler %s has no file in %s: looked for %s.py and %s/__init__.py. "+
		"Correct the handler or the folder of its code", p.Handler, p.folder, name, name)
}

// splitPythonHandler returns the name of a handler's module, with dots.
func splitPythonHandler(handler string) (module string, err error) {
	at := strings.LastIndex(handler, ".")
	if at < 0 || at == len(handler)-1 {
		return "", fmt.Errorf("the handler %q is not valid: it needs a module and a function, such as app.handler", handler)
	}
	module = strings.ReplaceAll(handler[:at], "/", ".")
	for part := range strings.SplitSeq(module, ".") {
		if part == "" || strings.ContainsAny(part, "\x00\\") {
			return "", fmt.Errorf("the handler %q is not valid: %q is not the name of a module", handler, handler[:at])
		}
	}
	return module, nil
}
