package stack

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/gatesock/gatesock/internal/oneline"
)

// Options are what a deployment has besides the application's description. Zero fields have
// defaults.
type Options struct {
	// Name is the name of the service; see [NameOf].
	Name string
	// Functions are the functions that the application is split into. Without any there is one,
	// [DefaultFunction], for everything.
	Functions []Split
	// Memory is the memory of a function in MB, 128 to 10,240; the default is 256.
	Memory int
	// Timeout is that of a function in seconds, 1 to 900. The default is 60 for functions that read
	// a queue of the stack, and 30 for others.
	Timeout int
	// Architecture is "arm64", the default, or "x86_64".
	Architecture string
	// NoAlarms leaves out the alarms and the dashboard.
	NoAlarms bool
}

// Split is a function, with the part of the application that it has.
//
// What no Split names goes to the function [DefaultFunction], which is added if it is missing and
// there are such routes. If there are only such sources, they go to the first function.
type Split struct {
	// Name is the name of the function, at most 32 letters, digits and hyphens.
	Name string
	// Routes are route keys and event sources: "authorizer", or the kind of a source, alone or with
	// its name: "http", "sqs", "sqs:relay", "schedule:sweep". A route comes before a source that is
	// spelled in the same way; "http:" and "authorizer:" are always the source.
	Routes []string
}

// DefaultFunction is the function that has what no [Split] names.
const DefaultFunction = "app"

// Defaults of [Options].
const (
	defaultMemory       = 256
	defaultTimeout      = 30
	defaultQueueTimeout = 60
	defaultArchitecture = "arm64"
	defaultName         = "service"
)

var (
	functionName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,31}$`)
	serviceName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)
)

// withDefaults returns the options with their defaults, or what is wrong with them.
func (o Options) withDefaults() (Options, error) {
	if o.Name == "" {
		o.Name = defaultName
	}
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	if o.Architecture == "" {
		o.Architecture = defaultArchitecture
	}
	var wrong []error
	if !serviceName.MatchString(o.Name) {
		wrong = append(wrong, fmt.Errorf("stack: the name %s of the service must begin with a letter and have at most 64 letters, digits and hyphens",
			oneline.Quote(o.Name, mostShown)))
	}
	if o.Memory < 128 || o.Memory > 10240 {
		wrong = append(wrong, fmt.Errorf("stack: a function cannot have %d MB of memory: 128 to 10240", o.Memory))
	}
	if o.Timeout < 0 || o.Timeout > 900 {
		wrong = append(wrong, fmt.Errorf("stack: a function cannot have a timeout of %d seconds: 1 to 900", o.Timeout))
	}
	if o.Architecture != "arm64" && o.Architecture != "x86_64" {
		wrong = append(wrong, fmt.Errorf(`stack: the architecture %q is neither "arm64" nor "x86_64"`, o.Architecture))
	}
	seen := map[string]bool{}
	for _, split := range o.Functions {
		switch {
		case !functionName.MatchString(split.Name):
			wrong = append(wrong, fmt.Errorf("stack: the name %s of a function must begin with a letter and have at most 32 letters, digits and hyphens",
				oneline.Quote(split.Name, mostShown)))
		case seen[split.Name]:
			wrong = append(wrong, fmt.Errorf("stack: the function %q is there twice: list all of its routes in one place", split.Name))
		case len(split.Routes) == 0 && split.Name != DefaultFunction:
			wrong = append(wrong, fmt.Errorf("stack: the function %q has neither routes nor sources", split.Name))
		}
		seen[split.Name] = true
	}
	return o, errors.Join(wrong...)
}
