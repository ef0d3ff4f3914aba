package cloudformation

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatesock/gatesock/internal/template"
)

// nameFunctions finds the functions of the template, by their names and logical ids.
func (r *reader) nameFunctions() error {
	r.named = map[string]*template.Resource{}
	for _, kind := range []string{"AWS::Lambda::Function", "AWS::Serverless::Function"} {
		functions, err := r.Resources(kind)
		if err != nil {
			return err
		}
		for _, function := range functions {
			r.named[function.ID] = function
			if name, err := r.text(function, "FunctionName"); err == nil && name != "" {
				r.named[name] = function
			}
		}
	}
	return nil
}

// functionTimeout returns the timeout of the function in a property that is the URI of one, or 0 if
// the template does not have that function.
func (r *reader) functionTimeout(of *template.Resource, property string) (time.Duration, error) {
	uri, err := r.text(of, property)
	if err != nil {
		return 0, nil //nolint:nilerr // a function outside of the template, such as Fn::ImportValue
	}
	_, name, _ := strings.Cut(uri, ":function:")
	name = strings.TrimSuffix(name, "/invocations")
	name, _, _ = strings.Cut(name, ":") // before an alias
	function := r.named[name]
	if function == nil {
		return 0, nil
	}
	return r.timeout(function)
}

// defaultTimeout is that of a Lambda function whose template sets none.
const defaultTimeout = 3 * time.Second

// timeout returns the timeout of a function.
func (r *reader) timeout(function *template.Resource) (time.Duration, error) {
	seconds, ok, err := r.number(function, "Timeout")
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return defaultTimeout, nil
	case !(seconds >= 1 && seconds <= 900):
		return 0, fmt.Errorf("%s has the Timeout %v; want 1 to 900", function, seconds)
	}
	return time.Duration(seconds) * time.Second, nil
}
