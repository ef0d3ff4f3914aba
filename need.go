package gatesock

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/internal/describing"
)

// DeclareNeeds adds resources and settings that the program uses to [Router.Describe]. It makes and
// checks nothing by itself: templates are made from it.
//
//	r.DeclareNeeds(apigw.Need("GATEWAY_ENDPOINT"), dynamo.Need("TABLE"))
//
// Needs with the same variable count as one: their actions and topics are put together, and the
// rest must not contradict. DeclareNeeds panics if a need has no known kind, if its variable is
// reserved or one that Lambda cannot have, if a table has no partition key or NeedIoT no topic, if
// two needs contradict each other, and after the first event. Reserved are the variables that
// Lambda sets itself, and GATESOCK_DESCRIBE.
func (r *Router) DeclareNeeds(needs ...Need) {
	site := callerSite()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuseLate("DeclareNeeds", site)
	for i, n := range needs {
		if why := n.fault(); why != "" {
			panic(fmt.Sprintf("gatesock: DeclareNeeds at %s: need %d: %s", site, i, why))
		}
		n = n.clone()
		n.Actions, n.Topics = union(n.Actions, nil), union(n.Topics, nil)
		at, found := slices.BinarySearchFunc(r.needs, n.Variable, func(n Need, variable string) int {
			return strings.Compare(n.Variable, variable)
		})
		if !found {
			if r.needs == nil {
				r.described = append(r.described, r.describeNeeds)
			}
			r.needs = slices.Insert(r.needs, at, n)
			continue
		}
		merged, why := r.needs[at].with(n)
		if why != "" {
			panic(fmt.Sprintf("gatesock: DeclareNeeds at %s: two needs with the variable %s contradict each other: %s",
				site, n.Variable, why))
		}
		r.needs[at] = merged
	}
}

// describeNeeds adds copies of the needs to a description. The caller holds the lock.
func (r *Router) describeNeeds(to *Description) {
	for _, n := range r.needs {
		to.Needs = append(to.Needs, n.clone())
	}
}

// clone returns a copy that shares no memory with n.
func (n Need) clone() Need {
	n.Actions, n.Topics = slices.Clone(n.Actions), slices.Clone(n.Topics)
	if n.Table != nil {
		keys := *n.Table
		n.Table = &keys
	}
	return n
}

// fault describes what is wrong with a need. It returns "" if nothing is.
func (n Need) fault() string {
	switch n.Kind {
	case NeedConnections, NeedTable, NeedQueue, NeedMetrics, NeedIoT, NeedSetting:
	default:
		return fmt.Sprintf("the kind %q is not one of connections, table, queue, metrics, iot and setting", n.Kind)
	}
	switch {
	case !isVariable(n.Variable):
		return fmt.Sprintf("the variable %q must be a letter and then one or more letters, digits and underscores", n.Variable)
	case isReserved(n.Variable):
		return fmt.Sprintf("the variable %q is reserved for Lambda or gatesock", n.Variable)
	case (n.Kind == NeedTable) != (n.Table != nil):
		return fmt.Sprintf("%s: a need of the kind table, and no other, must have a Table", n.Variable)
	case n.Table != nil && n.Table.PartitionKey == "":
		return fmt.Sprintf("%s: the Table must have a PartitionKey", n.Variable)
	case n.Kind != NeedQueue && n.Kind != NeedTable && n.Source != "":
		return fmt.Sprintf("%s: only a queue or a table has a Source", n.Variable)
	case (n.Kind == NeedIoT) != (len(n.Topics) > 0):
		return fmt.Sprintf("%s: a need of the kind iot, and no other, must have Topics", n.Variable)
	case (n.Kind == NeedSetting || n.Kind == NeedMetrics) && len(n.Actions) > 0:
		return fmt.Sprintf("%s: a need of the kind %s has no Actions", n.Variable, n.Kind)
	}
	return ""
}

// isVariable reports whether a Lambda function can have an environment variable of this name (AWS
// Lambda API Reference, "Environment").
func isVariable(name string) bool {
	for i, c := range []byte(name) {
		isLetter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !isLetter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return len(name) > 1
}

// isReserved reports whether nobody can choose the value of an environment variable, because Lambda
// sets it (AWS Lambda Developer Guide, "Defined runtime environment variables"), or because it is
// the one that asks a program for its description.
func isReserved(variable string) bool {
	switch variable {
	case describing.Variable, "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_ACCESS_KEY",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR":
		return true
	}
	return strings.HasPrefix(variable, "AWS_LAMBDA_")
}

// union returns what is in one of two lists, sorted.
func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(a), b...))))
}

// with returns what two needs with one variable are together, or why they contradict each other.
func (n Need) with(other Need) (_ Need, why string) {
	if n.Kind != other.Kind {
		return n, fmt.Sprintf("one is of the kind %s, the other of the kind %s", n.Kind, other.Kind)
	}
	if !reflect.DeepEqual(n.Table, other.Table) {
		return n, fmt.Sprintf("the tables are %+v and %+v", *n.Table, *other.Table)
	}
	for _, f := range []struct {
		name  string
		mine  *string
		other string
	}{
		{"Source", &n.Source, other.Source},
		{"Description", &n.Description, other.Description},
		{"Default", &n.Default, other.Default},
		{"Example", &n.Example, other.Example},
	} {
		switch {
		case *f.mine == "":
			*f.mine = f.other
		case f.other != "" && f.other != *f.mine:
			return n, fmt.Sprintf("their %ss are %q and %q", f.name, *f.mine, f.other)
		}
	}
	n.Actions, n.Topics = union(n.Actions, other.Actions), union(n.Topics, other.Topics)
	n.Optional = n.Optional && other.Optional
	return n, ""
}
