package stack

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/internal/oneline"
)

// maxRoutes is the quota of routes of an API (API Gateway Developer Guide, "Quotas for configuring
// and running a WebSocket API").
const maxRoutes = 300

// New returns the plan of an application. The error lists everything that is wrong, each with what
// to do.
func New(app *describe.App, o Options) (*Plan, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &builder{
		app:  app,
		o:    o,
		plan: &Plan{Name: o.Name, names: map[string]string{}},
	}
	for _, step := range []func(){
		b.fixed, b.functions, b.routes, b.authorizer, b.needs, b.sources, b.rights, b.watch, b.parameters,
	} {
		step()
	}
	if len(b.wrong) > 0 {
		return nil, errors.Join(b.wrong...)
	}
	return b.plan, nil
}

// builder makes a plan in steps.
type builder struct {
	app   *describe.App
	o     Options
	plan  *Plan
	wrong []error

	namespace string // of the program's metrics
}

// fail adds an error. Long strings are cut.
func (b *builder) fail(format string, args ...any) {
	const most = 500
	for i, arg := range args {
		if s, ok := arg.(string); ok && len(s) > most {
			args[i] = oneline.Cut(s, most) + "…"
		}
	}
	b.wrong = append(b.wrong, fmt.Errorf("stack: "+format, args...))
}

// longestID is the longest logical name of CloudFormation.
const longestID = 255

// mostShown is how many bytes of a name from outside an error has.
const mostShown = 80

// shown returns a name from outside for an error.
func shown(name string) string { return oneline.Of(name, mostShown) }

// claim takes the names that something has in a template: an identifier with each of the suffixes.
// If one is taken, it adds an error and reports false.
func (b *builder) claim(what, id string, suffixes ...string) bool {
	what = shown(what)
	for _, suffix := range suffixes {
		name := id + suffix
		if other, taken := b.plan.names[name]; taken {
			b.fail("%s and %s would both have the name %s in a template: rename one of them", other, what, name)
			return false
		}
		if len(name) > longestID {
			b.fail("the name of %s in a template would have %d characters, and can have %d", what, len(name), longestID)
			return false
		}
		b.plan.names[name] = what
	}
	return true
}

// fixed takes the names that every template has.
func (b *builder) fixed() {
	b.claim("the API", "Api", "", "GatewayLogRole", "GatewayAccount")
	b.claim("the stage", "Stage", "")
	// A function may have the name "authorizer", and so the permission AuthorizerPermission.
	b.claim("the authorizer", "Authorizer", "", "InvokePermission")
	b.claim("the access log", "AccessLogGroup", "")
	b.claim("the domain", "Domain", "", "Mapping")
	b.claim("the code", "Code", "Bucket", "Key")
	b.claim("the group of the schedules", groupID(""), "")
	if !b.o.NoAlarms {
		b.claim("the topic of the alarms", "Alarm", "Topic", "TopicPolicy", "EmailSubscription")
		b.claim("the dashboard", "Dashboard", "")
	}
}

var (
	memberName   = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	variableName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]+$`)
)

// identifier returns a name as an identifier: its letters and digits, with a capital letter where a
// part begins. It is empty if the name has none.
func identifier(name string) string {
	var id strings.Builder
	begins := true
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z' && begins:
			id.WriteByte(c - 'a' + 'A')
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			id.WriteByte(c)
		default:
			begins = true
			continue
		}
		begins = false
	}
	return id.String()
}

// fromVariable returns the name of an environment variable as an identifier: FANOUT_QUEUE is
// FanoutQueue.
func fromVariable(name string) string {
	return identifier(strings.ToLower(name))
}

// withSuffix returns an identifier that ends with a word.
func withSuffix(id, word string) string {
	if strings.HasSuffix(id, word) {
		return id
	}
	return id + word
}
