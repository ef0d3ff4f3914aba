package serverless

import (
	"cmp"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project/sam"
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// codeOf returns where the code of a function is, and its handler as Lambda would have it.
func (s *service) codeOf(f lambda, runtime string) (sam.Code, string) {
	n := get(f.node, "handler")
	line := f.line
	if n != nil {
		line = n.Line
	}
	handler := strings.TrimSpace(textOf(n))
	if handler == "" {
		if isNull(get(f.node, "image")) {
			s.add(project.Failure, line, f.id, "The function has no handler, such as src/app.handler.")
		}
		return sam.Code{Code: s.folder}, ""
	}
	handler = s.cleanHandler(f, handler, line)
	artifact := cmp.Or(textOf(at(f.node, "package", "artifact")), textOf(at(s.tree, "package", "artifact")))
	if isGo(runtime) {
		return s.goCode(f, handler, artifact, line)
	}
	if artifact != "" && !strings.HasPrefix(artifact, "s3:") && !strings.HasPrefix(artifact, "http") {
		if zip := s.absolute(artifact); exists(zip) {
			return sam.Code{Code: zip}, handler
		}
		s.add(project.Warning, line, f.id, "There is no %s, the package of the function; its handler is looked for in the folder instead. "+
			"Build the package if the code is not there.", short(artifact))
	}
	code := sam.Code{Code: s.folder}
	switch {
	case strings.HasPrefix(runtime, "nodejs"):
		code.Build = s.nodeBuild(f, handler, line)
	case strings.HasPrefix(runtime, "python"):
		module := strings.ReplaceAll(handler[:max(strings.LastIndex(handler, "."), 0)], ".", "/")
		if file := s.absolute(module); !isFile(file+".py") && !isFile(filepath.Join(file, "__init__.py")) {
			s.add(project.Failure, line, f.id, "There is no file %s.py for the handler %s.", short(module), short(handler))
		}
	}
	return code, handler
}

// cleanHandler returns a handler as a path that is relative to the service.
func (s *service) cleanHandler(f lambda, handler string, line int) string {
	base := textOf(get(s.custom, "functionsBasePath"))
	if s.plugins["serverless-functions-base-path"] && base != "" && !strings.HasPrefix(handler, base) {
		return path.Join(base, handler)
	}
	if strings.HasPrefix(handler, "/") && !strings.HasPrefix(handler, s.folder) {
		if s.bundler() == "" {
			s.add(project.Warning, line, f.id, "The handler begins with a slash, by which Lambda does not find it; it is taken without.")
		}
		return strings.TrimLeft(handler, "/")
	}
	if rest, ok := strings.CutPrefix(handler, s.folder+"/"); ok {
		return rest
	}
	return path.Clean(filepath.ToSlash(handler))
}

// nodeBuild checks the handler of a Node.js function, and returns what builds its code; "" if it
// runs as it is.
func (s *service) nodeBuild(f lambda, handler string, line int) string {
	folder, base := path.Split(handler)
	first, _, ok := strings.Cut(base, ".")
	if !ok {
		s.add(project.Failure, line, f.id, "The handler %s names no function; write %s.handler if the function is called handler.",
			short(handler), short(handler))
		return ""
	}
	modules := []string{folder + first}
	if last := folder + base[:strings.LastIndex(base, ".")]; last != modules[0] {
		modules = append(modules, last) // bundlers cut at the last dot, and Lambda at the first
	}
	for _, module := range modules {
		for _, extension := range []string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx", ".jsx"} {
			if !isFile(s.absolute(module + extension)) {
				continue
			}
			build := s.bundler()
			if strings.Contains(extension, "ts") || extension == ".jsx" {
				build = cmp.Or(build, "esbuild")
			}
			if build != "" {
				s.entries[f.id] = s.absolute(module + extension)
			}
			return build
		}
	}
	s.add(project.Failure, line, f.id, "There is no file %s.js, .mjs, .cjs or .ts for the handler %s.", short(modules[0]), short(handler))
	return s.bundler()
}

// isGo reports whether a runtime is one of Go programs.
func isGo(runtime string) bool {
	return strings.HasPrefix(runtime, "go") || strings.HasPrefix(runtime, "provided")
}

// goCode returns where the code of a program is: the folder of its source, or what was built of it.
func (s *service) goCode(f lambda, handler, artifact string, line int) (sam.Code, string) {
	base := s.absolute(cmp.Or(textOf(at(s.custom, "go", "baseDir")), "."))
	if plugin := s.goPlugin(); plugin != "" || strings.HasSuffix(handler, ".go") {
		folder := filepath.Join(base, filepath.FromSlash(handler))
		if strings.HasSuffix(handler, ".go") {
			folder = filepath.Dir(folder)
		}
		if isMain(folder) {
			return sam.Code{Code: s.folder, Package: folder}, "bootstrap"
		}
	}
	names := []string{strings.TrimSuffix(path.Base(handler), path.Ext(handler))}
	if artifact != "" {
		names = append(names, strings.TrimSuffix(path.Base(artifact), path.Ext(artifact)), path.Base(path.Dir(artifact)))
	}
	for _, pattern := range slices.Concat(texts(at(f.node, "package", "patterns")), texts(at(f.node, "package", "include"))) {
		if !strings.HasPrefix(pattern, "!") {
			pattern = strings.TrimRight(pattern, "/*")
			names = append(names, path.Base(pattern), path.Base(path.Dir(pattern)))
		}
	}
	names = append(names, f.key)
	built := s.absolute(handler)
	if artifact != "" {
		built = s.absolute(artifact)
	}
	if folder := s.programs.find(s.folder, s.relative(built), names); folder != "" {
		return sam.Code{Code: s.folder, Package: folder}, handler
	}
	switch {
	case artifact != "" && isFile(built):
		return sam.Code{Code: built}, handler
	case isFile(built):
		return sam.Code{Code: s.folder}, handler
	case isFile(filepath.Join(built, "bootstrap")):
		return sam.Code{Code: built}, "bootstrap"
	}
	s.add(project.Failure, line, f.id, "There is no %s, and no folder of a Go program called %s; build the function, or name the folder of its "+
		"source like its binary.", short(s.relative(built)), short(strings.Join(slices.Compact(meaningful(names)), " or ")))
	return sam.Code{Code: s.folder}, handler
}

// meaningful returns names without those that any function's files have.
func meaningful(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		switch strings.ToLower(name) {
		case "", ".", "bootstrap", "main", "bin", "build", "dist", "function", "functions", "lambda", "handler", "**", "*":
			return true
		}
		return false
	})
}
