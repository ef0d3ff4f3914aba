package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/describe"
)

// variable returns the value of a need's variable in the environment of a function, and reports
// whether the environment is known.
func (f *function) variable(n describe.Need) (value string, known bool) {
	if f.config == nil {
		return "", false
	}
	e := f.config.Environment
	if e == nil {
		return n.Default, true
	}
	if e.Error != nil {
		return "", false
	}
	if value = e.Variables[n.Variable]; value == "" {
		value = n.Default
	}
	return value, true
}

// values returns what the functions have for a need, or the fallback if none of their environments
// is known.
func (x *examination) values(n describe.Need, fallback []string) []string {
	var all []string
	readable := false
	for _, name := range sortedKeys(x.functions) {
		value, known := x.functions[name].variable(n)
		readable = readable || known
		if value != "" && !slices.Contains(all, value) {
			all = append(all, value)
		}
	}
	if !readable {
		return fallback
	}
	return all
}

// readNeeds reads the tables, queues and domains that the functions' environments name. What was
// read before is not read again.
func (x *examination) readNeeds(ctx context.Context) error {
	for _, n := range x.app.Needs {
		var read func(context.Context, string) error
		var fallback []string
		switch gatesock.NeedKind(n.Kind) {
		case gatesock.NeedTable:
			read, fallback = x.readTable, x.target.Tables
		case gatesock.NeedQueue:
			read, fallback = x.readQueue, x.target.Queues
		case gatesock.NeedConnections:
			read = x.readDomain
		case gatesock.NeedMetrics, gatesock.NeedIoT, gatesock.NeedSetting:
			continue
		default:
			x.report.leaveOut(fmt.Sprintf("the need %s, which is a %s", n.Variable, n.Kind))
			continue
		}
		for _, value := range x.values(n, fallback) {
			if err := read(ctx, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkNeeds compares the environments of the functions with the resources that there are.
func (x *examination) checkNeeds() {
	for _, name := range sortedKeys(x.functions) {
		f := x.functions[name]
		if f.config == nil {
			continue
		}
		if e := f.config.Environment; e != nil && e.Error != nil {
			x.functionFinding(f, Warning, notChecked, "not checked: the environment variables could not be decrypted", "",
				"Allow the IAM action kms:Decrypt on the function's key, or use other credentials.")
			continue
		}
		for _, n := range x.app.Needs {
			x.checkNeed(f, n)
		}
	}
	for _, name := range sortedKeys(x.tables) {
		x.checkTable(name, x.tables[name])
	}
	for _, url := range sortedKeys(x.queues) {
		x.checkQueue(x.queues[url])
	}
}

// checkNeed checks a variable of a function.
func (x *examination) checkNeed(f *function, n describe.Need) {
	value, _ := f.variable(n)
	if value == "" {
		if n.Optional {
			return
		}
		what := n.Kind
		if n.Description != "" {
			what = n.Description
		}
		x.functionFinding(f, Error, "variable-missing", fmt.Sprintf("the environment variable %s is not set", n.Variable),
			"The application lacks what it names: "+oneLine(what), "Set it, with the parameter of the template or in the function's Environment.")
		return
	}
	switch gatesock.NeedKind(n.Kind) {
	case gatesock.NeedTable:
		x.checkNamed(f, n, value, x.tables[value] != nil && x.tables[value].state == absent, x.target.Tables)
	case gatesock.NeedQueue:
		x.checkNamed(f, n, value, x.queues[value] != nil && x.queues[value].state == absent, x.target.Queues)
	case gatesock.NeedConnections:
		x.checkEndpoint(f, n, value)
	case gatesock.NeedMetrics, gatesock.NeedIoT, gatesock.NeedSetting:
	}
}

// checkNamed checks the name of a table or the URL of a queue.
func (x *examination) checkNamed(f *function, n describe.Need, value string, missing bool, own []string) {
	switch {
	case missing:
		x.functionFinding(f, Error, "variable-"+n.Kind, fmt.Sprintf("%s names a %s that does not exist in this region: %s",
			n.Variable, n.Kind, oneLine(value)),
			"Everything that needs it fails.", fmt.Sprintf("Set %s to a %s that there is.", n.Variable, n.Kind))
	case len(own) > 0 && !slices.Contains(own, value):
		x.functionFinding(f, Warning, "variable-other", fmt.Sprintf(
			"%s names another %s: %s", n.Variable, n.Kind, oneLine(value),
		),
			fmt.Sprintf("The application uses a %s that is not that of this deployment.", n.Kind),
			fmt.Sprintf("Set %s to %s, or name the other one with --%s.", n.Variable, oneLine(own[0]), n.Kind))
	}
}
