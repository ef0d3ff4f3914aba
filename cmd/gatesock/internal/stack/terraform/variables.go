package terraform

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
)

// Variables of every configuration, besides those of the plan.
const (
	serviceName = "deployment_name"
	zipFile     = "zip_file"
)

// variables adds the variables.
func (w *writer) variables() {
	longest := w.longestName()
	if len(w.plan.Name) > longest {
		w.wrong = append(w.wrong, fmt.Errorf("terraform: the name %q of the service has %d characters, and can have %d, "+
			"because other names begin with it: choose another with --name", w.plan.Name, len(w.plan.Name), longest))
	}
	w.heading("Variables", "")
	w.variable(stack.Parameter{
		Name:        serviceName,
		Description: "The name of the API, with which all other names begin: another one for each deployment.",
		Default:     w.plan.Name,
		Pattern:     fmt.Sprintf("[A-Za-z][A-Za-z0-9-]{0,%d}", max(longest-1, 0)),
	}, serviceName)
	w.variable(stack.Parameter{
		Name:        zipFile,
		Description: "The zip file of the program, whose executable has the name bootstrap.",
		Default:     "app.zip",
	}, zipFile)
	for _, p := range w.plan.Parameters {
		if !p.IoT {
			w.variable(p, variable(p.Name))
		}
	}
}

// variable returns the name of the variable for a parameter. Some names have a meaning in modules.
func variable(parameter string) string {
	name := label(parameter)
	if slices.Contains([]string{"source", "version", "providers", "count", "for_each", "lifecycle", "depends_on", "locals"}, name) {
		return name + "_setting"
	}
	return name
}

func (w *writer) variable(p stack.Parameter, name string) {
	what := "the parameter " + p.Name
	if p.Variable != "" {
		what = "the setting " + p.Variable
	}
	w.claim("var."+name, what)
	isBool := slices.Equal(p.Values, []string{"true", "false"})
	w.file.block(fmt.Sprintf("variable %q", name), func(b *body) {
		b.set("description", quote(p.Description))
		switch {
		case p.Number:
			b.set("type", "number")
		case isBool:
			b.set("type", "bool")
		default:
			b.set("type", "string")
		}
		switch {
		case p.Required:
		case p.Number || isBool:
			b.set("default", p.Default)
		default:
			b.set("default", quote(p.Default))
		}
		b.set("nullable", "false")
		if !isBool {
			validate(b, p, "var."+name)
		}
	})
}

// validate adds the validation of a variable.
func validate(b *body, p stack.Parameter, ref string) {
	condition, must := "", ""
	switch {
	case p.Values != nil:
		values := p.Values
		if !p.Number {
			values = quoteAll(values)
		}
		condition = fmt.Sprintf("contains([%s], %s)", strings.Join(values, ", "), ref)
		must = "is one of " + strings.Join(p.Values, ", ")
	case p.Min != 0 || p.Max != 0:
		condition = fmt.Sprintf("%[1]s >= %[2]d && %[1]s <= %[3]d && floor(%[1]s) == %[1]s", ref, p.Min, p.Max)
		must = fmt.Sprintf("is a whole number from %d to %d", p.Min, p.Max)
	case p.Pattern != "":
		condition = fmt.Sprintf("can(regex(%s, %s))", quote("^(?:"+p.Pattern+")$"), ref)
		must = "has the form " + p.Pattern
	case p.Required:
		condition = ref + ` != ""`
		must = "is not empty"
	default:
		return
	}
	b.block("validation", func(b *body) {
		b.set("condition", condition)
		b.set("error_message", quote("Choose a value that "+must+"."))
	})
}

// Lengths of names on AWS.
const (
	longestFunction = 64 // and role, and schedule group
	longestQueue    = 80
	longestTable    = 255
	longestAlarm    = 255
	longestRule     = 128
)

// longestName returns how many characters the name of the service can have, because of the names
// that begin with it.
func (w *writer) longestName() int {
	longest := longestFunction - len(schedulesSuffix)
	for _, f := range w.plan.Functions {
		longest = min(longest, longestFunction-len("-"+f.Name))
	}
	for _, q := range w.plan.Queues {
		longest = min(longest, longestQueue-len("-"+hyphenated(q.ID)+deadLettersSuffix))
	}
	for _, t := range w.plan.Tables {
		longest = min(longest, longestTable-len("-"+hyphenated(t.ID)))
	}
	for _, s := range w.plan.SourcesOf("iot") {
		longest = min(longest, longestRule-len("_"+s.Rule))
	}
	if w.plan.Watch != nil {
		for _, a := range w.plan.Watch.Alarms {
			longest = min(longest, longestAlarm-len("-"+hyphenated(strings.TrimSuffix(a.ID, "Alarm"))))
		}
	}
	return longest
}

// named returns the name of a resource on AWS, which begins with that of the service.
func named(suffix string) string {
	return `"${var.` + serviceName + `}` + escape(suffix) + `"`
}
