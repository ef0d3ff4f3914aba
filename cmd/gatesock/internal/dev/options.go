package dev

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Options say what [Run] runs, and how.
type Options struct {
	// Target is a folder, a Go package or a file with a template; empty is the Folder.
	Target string
	// Folder is the current folder, an absolute path.
	Folder string
	// Template is a file that describes the application, in place of the one that is found.
	Template string

	// Port is that of the first API; the others follow. 0 takes free ones.
	Port int
	// TLS shows and serves addresses with wss only. Without it both are served.
	TLS bool
	// Pages is a folder with pages, or the address of a development server, served at the same
	// address as the API. Default: a page of our own.
	Pages string
	// Domain is "aws", where events have the domain name that the API has on AWS, or "local", where
	// they have the host that the client has asked for. Default: "aws".
	Domain string

	// Stage is the stage of an application that has no file, and the only one that is read of one
	// that has. Default: "dev", and all.
	Stage string
	// Parameters are the values of parameters and settings, by name.
	Parameters map[string]string
	// EnvFiles are files with variables for all functions; later ones win.
	EnvFiles []string
	// Ask returns a value from the user; nil if there is nobody to ask.
	Ask func(name, description string) (string, error)

	// Store is "memory", "dynamodb", or empty for what the application needs.
	Store string
	// Real are services of AWS that may really be called, such as "s3".
	Real []string

	// Concurrency is how many instances of a function there are at most. Default: 10.
	Concurrency int
	// NoFreeze lets functions run on between invocations.
	NoFreeze bool
	// Seed decides about the ids of the gateway, and about what is left to chance; 0 draws one, which
	// is shown.
	Seed uint64

	// Environ is the environment of the caller, as NAME=VALUE.
	Environ []string
	// Cache is the user's folder for what can be made again, and Config that for what cannot.
	Cache, Config string
	// Temp is the folder for temporary files. Default: [os.TempDir].
	Temp string
	// Self is the path of this command, for children that it is to run itself.
	Self string
	// Hurry, if it is not nil, is closed when the user does not want to wait for an orderly end.
	Hurry <-chan struct{}
	// Ready, if it is not nil, is called once, when the application runs.
	Ready func([]Address)
}

// shutdownTime bounds an orderly end.
const shutdownTime = 10 * time.Second

// readEnvFile reads variables from a file: a line each of NAME=VALUE, with export before it or not.
// Values may be in single or double quotes. Lines that begin with # are comments.
func readEnvFile(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	variables := map[string]string{}
	for n, line := range strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t'\"") {
			return nil, fmt.Errorf("%s:%d: want NAME=VALUE", path, n+1)
		}
		if variables[name], err = envValue(strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n+1, err)
		}
	}
	return variables, nil
}

// envValue returns a value without its quotes. In double quotes, \n, \", \\ and \$ are escapes.
// Without quotes, a comment may follow after a blank.
func envValue(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	quote := value[0]
	if quote != '"' && quote != '\'' {
		if at := strings.Index(value, " #"); at >= 0 {
			value = strings.TrimSpace(value[:at])
		}
		return value, nil
	}
	var b strings.Builder
	for i := 1; i < len(value); i++ {
		c := value[i]
		switch {
		case c == quote:
			return b.String(), nil
		case c == '\\' && quote == '"' && i+1 < len(value):
			i++
			switch value[i] {
			case 'n':
				b.WriteByte('\n')
			case '"', '\\', '$':
				b.WriteByte(value[i])
			default:
				b.WriteByte('\\')
				b.WriteByte(value[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("the value has no %c at its end", quote)
}

// variables reads the files with variables.
func (o *Options) variables() (map[string]string, error) {
	all := map[string]string{}
	for _, file := range o.EnvFiles {
		if !filepath.IsAbs(file) {
			file = filepath.Join(o.Folder, file)
		}
		variables, err := readEnvFile(file)
		if err != nil {
			return nil, err
		}
		for name, value := range variables {
			all[name] = value
		}
	}
	return all, nil
}

// lookup returns a variable of the caller's environment.
func (o *Options) lookup(name string) (string, bool) {
	for _, v := range slices.Backward(o.Environ) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// baseEnv returns the environment of a function that is not the application's: nothing of the
// caller's but where programs and temporary files are, and invented credentials.
func (o *Options) baseEnv() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "SystemRoot", "TEMP", "TMP", "USERPROFILE"} {
		if value, ok := o.lookup(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(
		env,
		"AWS_ACCESS_KEY_ID=local",
		"AWS_SECRET_ACCESS_KEY=local",
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
	)
}
