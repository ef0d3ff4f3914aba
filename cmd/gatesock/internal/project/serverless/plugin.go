package serverless

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// pluginEffect returns what is done here about a plugin of the framework that changes variables,
// paths or the build, or "" for one that is not known. It is "-" for one that has no effect here.
func pluginEffect(name string) string {
	switch name {
	case "serverless-offline", "serverless-offline-direct-lambda", "serverless-prune-plugin", "serverless-deployment-bucket",
		"serverless-iam-roles-per-function", "serverless-plugin-iam-checker", "serverless-plugin-warmup", "serverless-plugin-log-retention",
		"serverless-plugin-tracing", "serverless-plugin-split-stacks", "serverless-plugin-canary-deployments", "serverless-stack-output",
		"serverless-plugin-resource-tagging", "serverless-better-credentials", "serverless-plugin-include-dependencies",
		"serverless-plugin-common-excludes", "serverless-plugin-optimize", "serverless-plugin-lambda-dead-letter",
		"serverless-latest-layer-version", "serverless-auto-swagger", "serverless-apigw-binary", "serverless-disable-request-validators":
		return "-"
	case "serverless-webpack", "serverless-esbuild", "serverless-bundle", "serverless-plugin-typescript", "serverless-plugin-typescript-express",
		"serverless-rollup-plugin", "serverless-plugin-monorepo", "serverless-plugin-swc", "serverless-swc", "serverless-vite":
		return "it does not run; handlers are built from their sources here"
	case "serverless-python-requirements":
		return "it does not run; install the requirements where the Python of this machine finds them, such as in a virtual environment"
	case "serverless-go-plugin", "serverless-plugin-go", "serverless-golang", "serverless-golang-plugin", "serverless-go-build":
		return "it does not run; the Go programs are built here from their folders"
	case "serverless-functions-base-path":
		return "its functionsBasePath is put before the handlers"
	case "serverless-pseudo-parameters":
		return "#{…} is replaced as it does"
	case "serverless-dotenv-plugin":
		return "the variables of the .env files are in the environment of all functions"
	case "serverless-dynamodb-local", "serverless-dynamodb":
		return "it does not run; the tables are created here, without its seeds"
	case "serverless-offline-sqs", "serverless-offline-sns", "serverless-offline-dynamodb-streams", "serverless-offline-scheduler",
		"serverless-offline-aws-eventbridge", "serverless-offline-ssm", "serverless-offline-lambda":
		return "it does not run; queues, topics, streams and schedules are served here"
	case "serverless-domain-manager":
		return "it does not run; the API has no custom domain here"
	case "serverless-localstack":
		return "it does not run; services of AWS are served here"
	case "serverless-step-functions":
		return "state machines are not run here"
	case "serverless-lift":
		return "its constructs are not read; write their resources out"
	case "serverless-layers":
		return "it does not run; the packages of node_modules are used as they are"
	}
	return ""
}

// readPlugins notes the plugins, and says what is done about those that change what runs.
func (s *service) readPlugins() {
	list := get(s.tree, "plugins")
	if isMapping(list) { // {localPath: …, modules: […]}
		list = get(list, "modules")
	}
	var unknown []string
	line := 0
	for _, n := range items(list) {
		name := textOf(n)
		if name == "" {
			continue
		}
		if i := strings.LastIndex(name, "node_modules/"); i >= 0 {
			name = name[i+len("node_modules/"):]
		} else if strings.HasPrefix(name, ".") { // ../../ or a file of the project
			if base := name[strings.LastIndex(strings.TrimRight(name, "/"), "/")+1:]; pluginEffect(base) != "" {
				name = base
			}
		}
		s.plugins[name] = true
		switch effect := pluginEffect(name); effect {
		case "-":
		case "":
			unknown = append(unknown, name)
			line = cmp.Or(line, n.Line)
		default:
			s.add(project.Notice, n.Line, "", "The plugin %s: %s.", short(name), effect)
		}
	}
	if len(unknown) > 0 {
		s.add(project.Warning, line, "", "Plugins are not run here; if they change functions or their code, that is missing: %s.",
			short(strings.Join(unknown, ", ")))
	}
	s.readOffline()
	if n := get(s.tree, "constructs"); isMapping(n) {
		s.add(project.Warning, n.Line, "", "The constructs are not read; write their resources out under resources.")
	}
	if n := get(s.provider, "variableSyntax"); isText(n) {
		s.add(project.Warning, n.Line, "", "variableSyntax is not supported; variables are ${…} here.")
	}
}

// readOffline says what is done about the settings of serverless-offline.
func (s *service) readOffline() {
	key, n := entry(s.custom, "serverless-offline")
	if !isMapping(n) {
		return
	}
	if port := textOf(get(n, "websocketPort")); port != "" {
		s.add(project.Notice, get(n, "websocketPort").Line, "", "serverless-offline has its WebSocket API on port %s; "+
			"here it is on that of --port.", short(port))
	}
	others := slices.DeleteFunc(keys(n), func(name string) bool { return name == "websocketPort" })
	if len(others) > 0 {
		s.add(project.Notice, key.Line, "", "These settings of serverless-offline have no effect here: %s.", short(strings.Join(others, ", ")))
	}
}

// bundler returns what builds JavaScript and TypeScript, or "".
func (s *service) bundler() string {
	for _, pair := range [][2]string{
		{"serverless-esbuild", "esbuild"},
		{"serverless-webpack", "webpack"},
		{"serverless-bundle", "webpack"},
		{"serverless-plugin-typescript", "typescript"},
		{"serverless-rollup-plugin", "rollup"},
	} {
		if s.plugins[pair[0]] {
			return pair[1]
		}
	}
	if n := at(s.tree, "build", "esbuild"); !isNull(n) && !isFalse(n) { // version 4
		return "esbuild"
	}
	return ""
}

// goPlugin returns the plugin whose handlers are Go packages, or "".
func (s *service) goPlugin() string {
	for _, name := range []string{
		"serverless-go-plugin", "serverless-plugin-go", "serverless-golang", "serverless-golang-plugin", "serverless-go-build",
	} {
		if s.plugins[name] {
			return name
		}
	}
	return ""
}
