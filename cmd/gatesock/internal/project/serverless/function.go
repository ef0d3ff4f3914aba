package serverless

import (
	"cmp"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// lambda is a function of the service.
type lambda struct {
	key, id string
	node    *yaml.Node
	line    int
}

// Defaults of the framework, which are not those of Lambda.
const (
	defaultTimeout = 6
	defaultMemory  = 1024
	defaultRuntime = "nodejs20.x"
)

// normalize returns a name as the framework has it in logical ids.
func normalize(name string) string {
	return upperFirst(strings.NewReplacer("-", "Dash", "_", "Underscore").Replace(name))
}

func upperFirst(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// alphanumeric returns the letters and digits of a name, the first one a capital.
func alphanumeric(name string) string {
	return upperFirst(strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			return c
		}
		return -1
	}, name))
}

// addResource adds a resource of the template, whose place is line.
func (s *service) addResource(id, kind string, line int, properties *yaml.Node) {
	resource := mapping("Type", kind, "Properties", properties)
	resource.Line = line
	set(s.resources, id, resource)
	key, _ := entry(s.resources, id)
	key.Line = line
}

// lambda returns the function with a key, or nil.
func (s *service) lambda(key string) *lambda {
	for i := range s.functions {
		if s.functions[i].key == key {
			return &s.functions[i]
		}
	}
	return nil
}

// readEnvironment sets the environment of all functions.
func (s *service) readEnvironment() {
	s.environment = mapping()
	if n := get(s.provider, "environment"); isMapping(n) {
		s.environment = n
	} else if !isNull(n) {
		s.add(project.Warning, n.Line, "", "The environment of the provider is not a mapping of names to values, and is left out.")
	}
	if !s.plugins["serverless-dotenv-plugin"] {
		return
	}
	added := mapping()
	values := s.pluginDotenv(get(s.custom, "dotenv"))
	for _, name := range sortedKeys(values) {
		set(added, name, text(values[name]))
	}
	s.environment = merge(added, s.environment)
}

// readLayers adds the layers of the service.
func (s *service) readLayers() {
	layers := get(s.tree, "layers")
	for _, key := range keys(layers) {
		k, n := entry(layers, key)
		if !isMapping(n) {
			s.add(project.Failure, k.Line, "", "The layer %s has no path.", short(key))
			continue
		}
		id := normalize(key) + "LambdaLayer"
		path := cmp.Or(textOf(at(n, "package", "artifact")), textOf(get(n, "path")))
		if path == "" {
			s.add(project.Failure, k.Line, id, "The layer %s has no path.", short(key))
			continue
		}
		s.layers[id] = s.absolute(path)
		if !exists(s.layers[id]) {
			s.add(project.Failure, k.Line, id, "There is no %s, so functions run without the layer %s; build it first.", short(path), short(key))
		}
		s.addResource(id, "AWS::Lambda::LayerVersion", k.Line, mapping(
			"LayerName", cmp.Or(textOf(get(n, "name")), key), "Content", mapping("S3Bucket", "local", "S3Key", path)))
	}
}

// absolute returns a path of the service as an absolute one.
func (s *service) absolute(path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(s.folder, path)
}

// readFunctions adds the functions.
func (s *service) readFunctions() {
	functions := get(s.tree, "functions")
	if !isNull(functions) && !isMapping(functions) {
		s.add(project.Failure, functions.Line, "", "functions is not a mapping of names to functions.")
	}
	for _, key := range keys(functions) {
		k, n := entry(functions, key)
		switch {
		case isNull(n):
			s.add(project.Warning, k.Line, "", "The function %s is empty, and is left out.", short(key))
		case !isMapping(n):
			s.add(project.Failure, k.Line, "", "The function %s is not a mapping; it needs a handler.", short(key))
		default:
			s.functions = append(s.functions, lambda{key: key, id: normalize(key) + "LambdaFunction", node: n, line: k.Line})
		}
	}
	for _, f := range s.functions {
		s.addFunction(f)
	}
	if len(s.functions) == 0 {
		s.add(project.Warning, s.tree.Line, "", "There are no functions.")
	}
}

// addFunction adds a function of the template.
func (s *service) addFunction(f lambda) {
	runtime := strings.ToLower(cmp.Or(textOf(get(f.node, "runtime")), textOf(get(s.provider, "runtime")), defaultRuntime))
	code, handler := s.codeOf(f, runtime)
	s.code[f.id] = code
	properties := mapping(
		"FunctionName", cmp.Or(textOf(get(f.node, "name")), s.name+"-"+s.stageName+"-"+f.key),
		"Runtime", runtime,
		"Handler", handler,
		"Code", mapping("S3Bucket", "local", "S3Key", f.key),
		"MemorySize", s.setting(f, "memorySize", defaultMemory),
		"Timeout", s.setting(f, "timeout", defaultTimeout),
		"Environment", s.environmentOf(f),
		"Layers", given(get(f.node, "layers"), get(s.provider, "layers")),
		"ReservedConcurrentExecutions", given(get(f.node, "reservedConcurrency")),
	)
	if n := given(get(f.node, "name")); n != nil {
		set(properties, "FunctionName", n)
	}
	if n := given(get(f.node, "architecture"), get(s.provider, "architecture")); n != nil {
		set(properties, "Architectures", list(n))
	}
	if n := given(get(f.node, "onError")); n != nil {
		set(properties, "DeadLetterConfig", mapping("TargetArn", n))
	}
	s.addResource(f.id, "AWS::Lambda::Function", f.line, properties)
	resource := get(s.resources, f.id)
	set(resource, "Condition", given(get(f.node, "condition")))
	s.addInvokeConfig(f)
	if n := get(f.node, "url"); !isNull(n) && !isFalse(n) {
		s.add(project.Notice, n.Line, f.id, "The function URL is not served here; invoke the function through Lambda's API.")
	}
	if n := get(f.node, "image"); !isNull(n) {
		s.add(project.Failure, n.Line, f.id, "Functions that are container images are not run here; give the function a handler.")
	}
}

// given returns the first node that is there and not null, or nil.
func given(nodes ...*yaml.Node) *yaml.Node {
	for _, n := range nodes {
		if !isNull(n) {
			return n
		}
	}
	return nil
}

// setting returns a setting of a function, of the provider, or the default.
func (s *service) setting(f lambda, key string, value int) *yaml.Node {
	if n := given(get(f.node, key), get(s.provider, key)); n != nil {
		return n
	}
	return node(value)
}

// environmentOf returns the Environment of a function, or nil.
func (s *service) environmentOf(f lambda) *yaml.Node {
	own := get(f.node, "environment")
	if !isNull(own) && !isMapping(own) {
		s.add(project.Warning, own.Line, f.id, "The environment is not a mapping of names to values, and is left out.")
		own = nil
	}
	variables := mapping()
	all := s.environment
	if isMapping(own) {
		all = mapping()
		for _, n := range []*yaml.Node{s.environment, own} { // not merge: a value is never merged
			for _, name := range keys(n) {
				if _, v := entry(n, name); isNull(v) {
					set(all, name, null(v.Line))
				} else {
					set(all, name, v)
				}
			}
		}
	}
	for _, name := range keys(all) {
		key, value := entry(all, name)
		if isNull(value) {
			continue
		}
		if fn, _ := function(value); fn == "" && !isText(value) {
			s.add(project.Warning, key.Line, f.id, "The variable %s is neither text nor a function of CloudFormation, and is left out.",
				short(name))
			continue
		}
		if isText(value) && strings.Contains(value.Value, "${AWS::") {
			s.add(project.Warning, value.Line, f.id,
				"The text of %s has ${AWS::…}, which CloudFormation replaces in !Sub only.", short(name))
		}
		set(variables, name, value)
	}
	if len(variables.Content) == 0 {
		return nil
	}
	return mapping("Variables", variables)
}

// addInvokeConfig adds how the function is invoked asynchronously.
func (s *service) addInvokeConfig(f lambda) {
	destinations := get(f.node, "destinations")
	age, retries := given(get(f.node, "maximumEventAge")), given(get(f.node, "maximumRetryAttempts"))
	if isNull(destinations) && age == nil && retries == nil {
		return
	}
	config := mapping()
	for _, key := range []string{"onSuccess", "onFailure"} {
		n := get(destinations, key)
		if isNull(n) {
			continue
		}
		target := n
		if arn := get(n, "arn"); arn != nil {
			target = arn
		} else if other := s.lambda(textOf(n)); other != nil {
			target = arnOf(other.id)
		} else if isText(n) && !strings.HasPrefix(n.Value, "arn:") {
			s.add(project.Failure, n.Line, f.id, "The destination %s is neither a function of this service nor an ARN.", short(n.Value))
			continue
		}
		set(config, upperFirst(key), mapping("Destination", target))
	}
	line := f.line
	if destinations != nil {
		line = destinations.Line
	}
	s.addResource(normalize(f.key)+"LambdaEvConf", "AWS::Lambda::EventInvokeConfig", line, mapping(
		"FunctionName", ref(f.id), "Qualifier", "$LATEST", "DestinationConfig", config,
		"MaximumEventAgeInSeconds", age, "MaximumRetryAttempts", retries))
}
