package serverless

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// assignment is a line of a .env file: a name, "=" or ": ", and a value that may be in quotes, in
// which there may be line breaks.
var assignment = regexp.MustCompile(
	`(?m)^[ \t]*(?:export[ \t]+)?([\w.-]+)(?:[ \t]*=[ \t]*|:[ \t]+)('(?:\\'|[^'])*'|"(?:\\"|[^"])*"|[^#\r\n]*)`)

var reference = regexp.MustCompile(`\\?\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))`)

// parseDotenv returns the variables of a .env file. References to variables are replaced by their
// values in env, or before in the file.
func parseDotenv(data []byte, env map[string]string) map[string]string {
	values := map[string]string{}
	for _, match := range assignment.FindAllStringSubmatch(string(data), -1) {
		name, value := match[1], strings.TrimSpace(match[2])
		quote := ""
		if len(value) > 1 && strings.ContainsAny(value[:1], `'"`) && value[0] == value[len(value)-1] {
			quote, value = value[:1], value[1:len(value)-1]
		}
		if quote == `"` {
			value = strings.NewReplacer(`\n`, "\n", `\r`, "\r").Replace(value)
		}
		if quote != "'" {
			value = expand(value, values, env)
		}
		values[name] = value
	}
	return values
}

func expand(value string, values, env map[string]string) string {
	return reference.ReplaceAllStringFunc(value, func(s string) string {
		if strings.HasPrefix(s, `\`) {
			return s[1:]
		}
		match := reference.FindStringSubmatch(s)
		name := cmp.Or(match[1], match[3])
		if v, ok := env[name]; ok {
			return v
		}
		return cmp.Or(values[name], match[2])
	})
}

// dotenv returns the variables of a .env file of the service, or nil if there is none.
func (r *reader) dotenv(name string) map[string]string {
	path := filepath.Join(r.folder, name)
	data, err := r.readFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	index := r.fileIndex(path)
	if err != nil {
		r.add(project.Warning, index*linesPerFile, "", "The file cannot be read: %v.", err)
		return map[string]string{}
	}
	return parseDotenv(data, r.options.Env)
}

// loadDotenv adds what the .env file of the stage has to the environment, or else .env. What the
// environment has already stays.
func (v *resolver) loadDotenv() {
	values := v.dotenv(".env." + v.stage())
	if values == nil {
		values = v.dotenv(".env")
	}
	for name, value := range values {
		if _, ok := v.options.Env[name]; !ok && !isCredential(name) {
			v.options.Env[name] = value
		}
	}
}

// pluginDotenv returns what serverless-dotenv-plugin adds to the environment of all functions.
func (v *resolver) pluginDotenv(custom *yaml.Node) map[string]string {
	stage := cmp.Or(v.options.Options["env"], v.options.Env["NODE_ENV"], v.stage())
	names := []string{".env." + stage + ".local", ".env." + stage, ".env.local", ".env"}
	if path := textOf(get(custom, "path")); path != "" {
		names = []string{path}
	}
	values := map[string]string{}
	for _, name := range names {
		for key, value := range v.dotenv(filepath.Join(textOf(get(custom, "basePath")), name)) {
			if _, ok := values[key]; !ok && !isCredential(key) {
				values[key] = value
			}
		}
	}
	include, exclude := texts(get(custom, "include")), texts(get(custom, "exclude"))
	for key := range values {
		if isList(get(custom, "include")) && !slices.Contains(include, key) || slices.Contains(exclude, key) {
			delete(values, key)
		}
	}
	return values
}
