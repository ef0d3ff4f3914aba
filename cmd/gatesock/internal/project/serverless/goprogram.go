package serverless

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// goPrograms finds the main packages of a folder.
type goPrograms struct {
	read    bool
	folders []string          // of main packages, absolute
	outputs map[string]string // folders, by the path of the binary that a build script makes of them
}

// Limits of the search.
const (
	maxEntries = 20_000
	maxScript  = 1 << 20
)

// isMain reports whether a folder has a Go main package.
func isMain(folder string) bool {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return false
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || e.IsDir() {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(folder, name), nil, parser.PackageClauseOnly)
		if err == nil && file.Name.Name == "main" {
			return true
		}
	}
	return false
}

// buildLine matches a line of a build script: go build … -o binary … source.
var buildLine = regexp.MustCompile(
	`go build\b[^\n;&|]*?\s-o[ =]"?([^\s"]+)"?([^\n;&|"]*)`)

// search looks for the main packages in a folder, and for build scripts.
func (g *goPrograms) search(root string) {
	g.read, g.outputs = true, map[string]string{}
	entries := 0
	_ = filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if entries++; err != nil || entries > maxEntries {
			return fs.SkipAll
		}
		if !e.IsDir() {
			return nil
		}
		base := e.Name()
		if name != root && (base == "node_modules" || base == "vendor" || base == "testdata" || strings.HasPrefix(base, ".")) {
			return fs.SkipDir
		}
		if isMain(name) {
			g.folders = append(g.folders, name)
		}
		return nil
	})
	for _, script := range []string{
		"Makefile", "makefile", "build.sh", "scripts/build.sh", "scripts/build", "package.json", "Taskfile.yml", "serverless.yml",
	} {
		file := filepath.Join(root, filepath.FromSlash(script))
		if info, err := os.Stat(file); err != nil || info.Size() > maxScript {
			continue
		}
		data, err := os.ReadFile(file) //nolint:gosec // a file of the project
		if err != nil {
			continue
		}
		for _, match := range buildLine.FindAllStringSubmatch(strings.ReplaceAll(string(data), "\\\n", " "), -1) {
			g.addOutput(root, match[1], match[2])
		}
	}
}

// addOutput notes what a build script makes: the binary, and the arguments after it.
func (g *goPrograms) addOutput(root, output, arguments string) {
	fields := strings.Fields(arguments)
	source := "."
	if len(fields) > 0 {
		source = fields[len(fields)-1]
	}
	if strings.HasSuffix(source, ".go") {
		source = path.Dir(source)
	}
	if folder := filepath.Join(root, filepath.FromSlash(source)); isMain(folder) {
		g.outputs[path.Clean(output)] = folder
	}
}

// find returns the folder of the program whose binary is at a path, or which has one of some names,
// or the only one there is; or "".
func (g *goPrograms) find(root, binary string, names []string) string {
	if !g.read {
		g.search(root)
	}
	binary = strings.TrimSuffix(path.Clean(binary), ".zip")
	for _, output := range []string{binary, path.Join(binary, "bootstrap"), path.Join(path.Dir(binary), "bootstrap")} {
		if folder := g.outputs[output]; folder != "" {
			return folder
		}
	}
	plain := strings.NewReplacer("-", "", "_", "")
	for _, name := range meaningful(names) {
		for _, folder := range g.folders {
			if strings.EqualFold(plain.Replace(filepath.Base(folder)), plain.Replace(name)) {
				return folder
			}
		}
	}
	if len(g.folders) == 1 {
		return g.folders[0]
	}
	return ""
}
