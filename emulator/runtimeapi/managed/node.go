package managed

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var (
	//go:embed bootstrap/node/index.mjs
	nodeBootstrap []byte
	//go:embed bootstrap/node/hooks.mjs
	nodeHooks []byte
)

// nodeSettings is what the bootstrap for Node.js is told.
type nodeSettings struct {
	Runtime string `json:"runtime"`
	Handler string `json:"handler"`
	// Task is the folder of the code, and Layer that of the layers, if there are any.
	Task  string `json:"task"`
	Layer string `json:"layer,omitempty"`
	// File is the handler's module, if its name does not lead there.
	File string `json:"file,omitempty"`
	// Modules are folders named node_modules in which packages are looked for last.
	Modules []string `json:"modules"`
	// SDK is the version of the AWS SDK that the runtime carries.
	SDK int `json:"sdk"`
	// Callbacks is whether the runtime has handlers with a callback.
	Callbacks bool `json:"callbacks"`
	// TypeScript is whether Node.js runs TypeScript.
	TypeScript bool `json:"typescript"`
}

// node prepares a function for Node.js.
func (p *preparation) node(ctx context.Context) (Program, error) {
	node, err := p.findNode(ctx)
	if err != nil {
		return Program{}, err
	}
	settings := nodeSettings{
		Runtime:   p.Runtime,
		Handler:   p.Handler,
		Task:      p.folder,
		Layer:     p.opt,
		Modules:   []string{},
		SDK:       p.sdkVersion(),
		Callbacks: len(p.version) == 0 || p.version[0] < 24,
	}
	layers := p.layerModules()
	sdk, missing, err := p.nodeSDK(ctx, layers)
	if err != nil {
		return Program{}, err
	}
	settings.Modules = append(settings.Modules, layers...)
	if sdk != "" {
		settings.Modules = append(settings.Modules, sdk)
		if older(node.version(), 18, 19) || !older(node.version(), 20) && older(node.version(), 20, 6) {
			p.Log(fmt.Sprintf("Node.js %s cannot supply the AWS SDK to ES modules: use 18.19, 20.6 or newer, "+
				"or install the SDK in the project", node.Version))
		}
	}
	flags, err := p.nodeModule(ctx, node, missing, &settings)
	if err != nil {
		return Program{}, err
	}
	folder, err := p.keep("bootstrap", map[string][]byte{"index.mjs": nodeBootstrap, "hooks.mjs": nodeHooks})
	if err != nil {
		return Program{}, err
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return Program{}, err
	}
	for _, flag := range node.Flags {
		flags = append(flags, "--no-"+strings.TrimPrefix(flag, "--"))
	}
	command := slices.Concat([]string{node.Path}, flags, []string{filepath.Join(folder, "index.mjs"), string(text)})
	return Program{Command: command, Env: p.layerEnv()}, nil
}

// findNode returns the Node.js of this machine.
func (p *preparation) findNode(ctx context.Context) (interpreter, error) {
	const question = `console.log(JSON.stringify({ path: process.execPath, version: process.versions.node,
		flags: process.argv.slice(1).filter((flag) => process.allowedNodeEnvironmentFlags.has(flag)) }))`
	return p.find(ctx, language{"Node.js", "node", "18"}, append(p.lookPath("node"), p.lookPath("nodejs")...),
		append([]string{"-e", question, "--"}, p.lambdaFlags()...)...)
}

// lambdaFlags returns the experimental features of Node.js that Lambda switches off in the runtime,
// but for those in NODE_OPTIONS.
func (p *preparation) lambdaFlags() (flags []string) {
	const required, detected = "--experimental-require-module", "--experimental-detect-module"
	if len(p.version) > 0 && (p.version[0] == 20 || p.version[0] == 22) {
		flags = append(flags, required)
	}
	if len(p.version) > 0 && p.version[0] == 22 {
		flags = append(flags, detected)
	}
	return slices.DeleteFunc(flags, func(flag string) bool {
		return slices.Contains(strings.Fields(p.getenv("NODE_OPTIONS")), flag)
	})
}

// layerModules returns the folders in which Lambda looks for packages of layers.
func (p *preparation) layerModules() (folders []string) {
	if p.opt == "" {
		return nil
	}
	var names []string
	if len(p.version) > 0 {
		names = append(names, fmt.Sprintf("nodejs/node%d/node_modules", p.version[0]))
	}
	for _, name := range append(names, "nodejs/node_modules") {
		if folder := filepath.Join(p.opt, filepath.FromSlash(name)); isFolder(folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// nodeModule finds the handler's module, and compiles it if it is TypeScript. It returns flags for
// Node.js. The packages in external are supplied, and not compiled in.
func (p *preparation) nodeModule(ctx context.Context, node interpreter, external []string, settings *nodeSettings) (
	flags []string, err error,
) {
	if p.Entry != "" {
		entry := filepath.Join(p.folder, filepath.FromSlash(p.Entry))
		if !isFile(entry) {
			return nil, fmt.Errorf("%s, which the handler %s is built from, does not exist in %s", p.Entry, p.Handler, p.folder)
		}
		if isTypeScript(entry) {
			return p.typeScript(ctx, node, entry, external, settings)
		}
		settings.File = entry
		return nil, nil
	}
	file, err := p.findNodeHandler()
	if err != nil {
		return nil, err
	}
	if isTypeScript(file) {
		return p.typeScript(ctx, node, file, external, settings)
	}
	return nil, nil
}

// findNodeHandler returns the file of the handler's module; empty if it is in a package.
func (p *preparation) findNodeHandler() (string, error) {
	folder, module, err := splitNodeHandler(p.Handler)
	if err != nil {
		return "", err
	}
	places := []string{filepath.Join(p.folder, filepath.FromSlash(folder))}
	if rest, ok := strings.CutPrefix(folder, "/opt/"); ok && p.opt != "" {
		places = []string{filepath.Join(p.opt, filepath.FromSlash(rest))}
	} else if rest, ok := strings.CutPrefix(folder, "/var/task/"); ok {
		places = []string{filepath.Join(p.folder, filepath.FromSlash(rest))}
	}
	var looked []string
	for _, place := range places {
		for _, extension := range append([]string{""}, nodeExtensions()...) {
			file := filepath.Join(place, module+extension)
			if isFile(file) {
				return file, nil
			}
			if name, err := filepath.Rel(p.folder, file); err == nil && extension != ".jsx" && extension != ".tsx" {
				looked = append(looked, filepath.ToSlash(name))
			}
		}
	}
	if findPackage(places[0], module) != "" || inFolders(p.layerModules(), module) {
		return "", nil
	}
	return "", fmt.Errorf("the handler %s has no file in %s: looked for %s. "+
		"Build the function, or correct the handler or the folder of its code", p.Handler, p.folder, strings.Join(looked, ", "))
}

// splitNodeHandler splits the name of a handler into a folder, with the slash at its end, and the
// name of the module, without an extension.
func splitNodeHandler(handler string) (folder, module string, err error) {
	base := handler[strings.LastIndex(handler, "/")+1:]
	module, function, ok := strings.Cut(base, ".")
	switch {
	case strings.Contains(handler, ".."):
		return "", "", fmt.Errorf(`the handler %q is not valid: it must not contain ".."`, handler)
	case strings.ContainsRune(handler, 0):
		return "", "", fmt.Errorf("the handler %q is not valid: it has a zero byte", handler)
	case !ok || module == "" || function == "":
		return "", "", fmt.Errorf("the handler %q is not valid: it needs a file and a function, such as app.handler", handler)
	}
	return strings.TrimSuffix(handler, base), module, nil
}

func isTypeScript(file string) bool {
	return slices.Contains([]string{".ts", ".mts", ".cts", ".tsx"}, filepath.Ext(file))
}

// readManifest returns the package.json that counts for a folder; nil if there is none.
func readManifest(folder string) (found map[string]any) {
	upwards(folder, func(at string) bool {
		text, err := os.ReadFile(filepath.Join(at, "package.json"))
		if err == nil && json.Unmarshal(text, &found) != nil {
			found = map[string]any{}
		}
		return found == nil && filepath.Base(at) != "node_modules"
	})
	return found
}
