package sam

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/internal/template"
)

var functionTypes = []string{"AWS::Lambda::Function", "AWS::Serverless::Function"} //nolint:gochecknoglobals // a constant

// readFunctions reads the functions.
func (r *run) readFunctions() {
	r.of("AWS::Lambda::Alias", "AWS::Lambda::Version", "AWS::Lambda::LayerVersion", "AWS::Serverless::LayerVersion",
		"AWS::Lambda::LayerVersionPermission")
	for _, i := range r.of(functionTypes...) {
		r.project.Functions = append(r.project.Functions, i.function())
	}
	for _, i := range r.of("AWS::Lambda::EventInvokeConfig") {
		name := i.text("FunctionName")
		if f := r.project.Function(name); f != nil {
			i.readAsync(&f.Async)
		} else {
			i.warn("FunctionName", "the function %s is not in this project", quote(name))
		}
	}
	slices.SortStableFunc(r.project.Functions, func(a, b project.Function) int { return strings.Compare(a.ID, b.ID) })
}

func (i item) function() project.Function {
	f := project.Function{
		ID: i.id(), Name: cmp.Or(i.PhysicalName(i.res), i.id()), ARN: i.Attribute(i.res, "Arn"),
		Runtime: strings.ToLower(i.text("Runtime")), Handler: i.text("Handler"),
		Architecture: "x86_64",
		Timeout:      i.seconds("Timeout", 3, 1, 900),
		Memory:       i.number("MemorySize", 128, 128, 32_768),
		Concurrency:  i.number("ReservedConcurrentExecutions", 0, 0, 1_000_000),
		Environment:  map[string]string{},
		Async:        project.Async{MaxAge: 6 * time.Hour, Retries: 2},
		Line:         i.res.Line(),
	}
	if !strings.Contains(f.ARN, ":function:") { // of a template with too much to evaluate
		f.ARN = "arn:" + i.Pseudo("AWS::Partition") + ":lambda:" + i.region + ":" + i.account + ":function:" + f.Name
	}
	if i.source.Place != nil {
		_, f.Line = i.place(i.res.ID, "")
	}
	if architectures := i.texts("Architectures"); len(architectures) > 0 {
		f.Architecture = architectures[0]
	}
	if environment, ok := i.object("Environment"); ok {
		if variables := environment.textMap("Variables"); variables != nil {
			f.Environment = variables
		}
	}
	for _, arn := range i.texts("Layers") {
		if path := i.layer(arn); path != "" {
			f.Layers = append(f.Layers, path)
		}
	}
	for _, name := range []string{"DeadLetterConfig", "DeadLetterQueue"} {
		if o, ok := i.object(name); ok {
			f.Async.DeadLetter = o.text("TargetArn")
		}
	}
	if o, ok := i.object("EventInvokeConfig"); ok {
		o.readAsync(&f.Async)
	}
	if i.text("PackageType") == "Image" || i.get("ImageUri") != nil {
		i.fail("PackageType", "functions in container images do not run here")
		return f
	}
	if f.Runtime == "" {
		i.fail("", "the function has no Runtime")
	}
	if code, ok := i.source.Functions[i.res.ID]; ok {
		f.Code, f.Inline, f.Package, f.Build = code.Code, code.Inline, code.Package, code.Build
		return f
	}
	i.findCode(&f)
	return f
}

// readAsync reads how a function is invoked asynchronously.
func (i item) readAsync(a *project.Async) {
	a.MaxAge = i.seconds("MaximumEventAgeInSeconds", int(a.MaxAge/time.Second), 60, 21_600)
	a.Retries = i.number("MaximumRetryAttempts", a.Retries, 0, 2)
	if destinations, ok := i.object("DestinationConfig"); ok {
		if o, ok := destinations.object("OnFailure"); ok {
			a.OnFailure = o.text("Destination")
		}
		if o, ok := destinations.object("OnSuccess"); ok {
			a.OnSuccess = o.text("Destination")
		}
	}
}

// layer returns the path of a layer's content; empty if it has none here.
func (i item) layer(arn string) string {
	for _, l := range i.items("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion") {
		if l.Ref(l.res) != arn && l.id() != arn {
			continue
		}
		if path, ok := l.source.Layers[l.res.ID]; ok {
			return path
		}
		property := "Content"
		if l.res.Type == "AWS::Serverless::LayerVersion" {
			property = "ContentUri"
		}
		if l.res.Metadata("BuildMethod") != "" && isFolder(l.built()) {
			return l.built()
		}
		path, _ := l.codePath(property)
		if path != "" && !exists(path) {
			l.fail(property, "there is no %s", l.relative(path))
			return ""
		}
		return path
	}
	i.warn("Layers", "the layer %s is not in this project; the function runs without it", quote(arn))
	return ""
}

// codePath returns the absolute path in a property that has code, or an empty one, and reports
// whether the code is in the property itself. It says what is wrong.
func (i item) codePath(property string) (path string, inline bool) {
	if asset := i.asset(property); asset != "" {
		return asset, false
	}
	v := i.get(property)
	if v == nil && i.res.Type == "AWS::Serverless::Function" {
		v = "."
	}
	if members, ok := v.(map[string]any); ok {
		o := i.in(property, members)
		switch {
		case members["ZipFile"] != nil:
			return "", true
		case o.text("S3Key") != "" || o.text("Key") != "":
			bucket, key := cmp.Or(o.text("S3Bucket"), o.text("Bucket")), cmp.Or(o.text("S3Key"), o.text("Key"))
			i.fail(property, "the code is in S3 only, as s3://%s/%s; give a template whose code is on this machine", short(bucket), short(key))
		case members["ImageUri"] != nil:
			i.fail(property, "functions in container images do not run here")
		default:
			i.fail(property, "%s has neither code nor a place", property)
		}
		return "", false
	}
	text, ok := v.(string)
	switch {
	case !ok || text == "":
		i.fail(property, "there is no %s: the function has no code", property)
		return "", false
	case strings.HasPrefix(text, "s3://") || strings.HasPrefix(text, "https://"):
		i.fail(property, "the code is in S3 only, as %s; give a template whose code is on this machine", short(text))
		return "", false
	}
	path = filepath.FromSlash(text)
	if !filepath.IsAbs(path) {
		path = filepath.Join(i.folder, path)
	}
	return filepath.Clean(path), false
}

// asset returns the path of an asset that cdk synth has made.
func (i item) asset(property string) string {
	if path := i.res.Metadata("aws:asset:path"); path != "" {
		if !filepath.IsAbs(path) {
			path = filepath.Join(i.folder, path)
		}
		return path
	}
	o, ok := i.get(property).(map[string]any)
	if !ok || i.assets == nil {
		return ""
	}
	key, _ := template.AsText(cmp.Or(o["S3Key"], o["Key"]))
	hash, _, _ := strings.Cut(key, ".")
	return i.assets[hash]
}

// findCode finds the code of a function.
func (i item) findCode(f *project.Function) {
	property := "Code"
	if i.res.Type == "AWS::Serverless::Function" {
		property = "CodeUri"
		if inline := i.get("InlineCode"); inline != nil {
			f.Inline, _ = template.AsText(inline)
			return
		}
	}
	f.Build = i.res.Metadata("BuildMethod")
	path, inline := i.codePath(property)
	if inline {
		o, _ := i.object(property)
		f.Inline, _ = template.AsText(o.get("ZipFile"))
		return
	}
	if path == "" {
		return
	}
	if i.readGo(f, path) {
		return
	}
	if f.Build != "" && isFolder(i.built()) {
		f.Code = i.built()
		i.notice(property, "the code is what sam build has made (%s); run sam build again after a change", f.Build)
		i.checkHandler(f, property)
		return
	}
	f.Code = path
	info, err := os.Stat(path)
	switch {
	case err != nil:
		i.fail(property, "there is no %s; if a script builds it, run that first", i.relative(path))
	case !info.IsDir() && !strings.EqualFold(filepath.Ext(path), ".zip") && !strings.EqualFold(filepath.Ext(path), ".jar"):
		i.fail(property, "%s is neither a folder nor a zip file", i.relative(path))
	case info.IsDir():
		i.readEntry(f)
		i.checkHandler(f, property)
	}
}

// built is the folder into which sam build writes the resource.
func (i item) built() string { return filepath.Join(i.folder, ".aws-sam", "build", i.res.ID) }

// readGo sets the package of a function in Go whose source is in a folder, and reports whether it
// is there.
func (i item) readGo(f *project.Function, path string) bool {
	if f.Runtime != "go1.x" && !strings.HasPrefix(f.Runtime, "provided") {
		return false
	}
	source := path
	if p := i.res.Metadata("BuildProperties", "WorkingDirectory"); p != "" {
		source = filepath.Join(i.folder, filepath.FromSlash(p))
	}
	switch {
	case isGoMain(source):
		f.Package = source
	case isGoMain(filepath.Join(source, f.Handler)): // CodeUri is the module, and Handler the package
		f.Package = filepath.Join(source, f.Handler)
	default:
		return false
	}
	f.Code = path
	return true
}

// isGoMain reports whether a folder has a Go main package.
func isGoMain(folder string) bool {
	files, err := filepath.Glob(filepath.Join(escapeGlob(folder), "*.go"))
	if err != nil {
		return false
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "package" {
				if fields[1] == "main" || strings.HasPrefix(fields[1], "main;") || strings.HasPrefix(fields[1], "main/") {
					return true
				}
				break
			}
		}
	}
	return false
}

// escapeGlob returns a pattern that only the path itself matches.
func escapeGlob(path string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// readEntry sets the source that esbuild starts from.
func (i item) readEntry(f *project.Function) {
	if entry := i.res.Metadata("BuildProperties", "EntryPoints"); entry != "" && f.Build == "esbuild" {
		f.Entry = filepath.Join(f.Code, filepath.FromSlash(entry))
		if _, err := os.Stat(f.Entry); err != nil {
			i.fail("", "the EntryPoints have %s, which is not there", i.relative(f.Entry))
			f.Entry = ""
		}
	}
}

// checkHandler adds a finding if the file of a handler is missing.
func (i item) checkHandler(f *project.Function, property string) {
	var extensions []string
	module := f.Handler
	if n := strings.LastIndexByte(module, '.'); n >= 0 {
		module = module[:n]
	}
	switch {
	case f.Handler == "" && (strings.HasPrefix(f.Runtime, "nodejs") || strings.HasPrefix(f.Runtime, "python")):
		i.fail("", "the function has no Handler")
		return
	case strings.HasPrefix(f.Runtime, "nodejs"):
		extensions = []string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", "/index.js"}
	case strings.HasPrefix(f.Runtime, "python"):
		module = strings.ReplaceAll(module, ".", "/")
		extensions = []string{".py", "/__init__.py"}
	case strings.HasPrefix(f.Runtime, "provided"):
		module, extensions = "bootstrap", []string{""}
	case f.Runtime == "go1.x":
		module, extensions = f.Handler, []string{""}
	default:
		return
	}
	if f.Build == "esbuild" && i.res.Metadata("BuildProperties", "EntryPoints") != "" && f.Code != i.built() {
		return // the handler is what esbuild makes of the entry point
	}
	for _, extension := range extensions {
		path := filepath.Join(f.Code, filepath.FromSlash(module+extension))
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if strings.HasSuffix(extension, "ts") {
			f.Entry = path
			if f.Build == "" {
				i.warn("Handler", "%s is TypeScript, which Lambda does not run; the template has no BuildMethod", i.relative(path))
			}
		}
		return
	}
	path := i.relative(filepath.Join(f.Code, filepath.FromSlash(module)))
	switch {
	case extensions[0] == "":
		i.fail(property, "there is no %s; build the function first, or keep its Go source in that folder", path)
	case f.Build != "":
		i.fail("Handler", "there is no %s%s for the handler %s; run sam build first", path, extensions[0], quote(f.Handler))
	default:
		i.fail("Handler", "there is no %s%s for the handler %s", path, extensions[0], quote(f.Handler))
	}
}

// relative returns a path for people.
func (s *stack) relative(path string) string {
	if rel, err := filepath.Rel(s.folder, path); err == nil {
		path = rel
	}
	return short(filepath.ToSlash(path))
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
