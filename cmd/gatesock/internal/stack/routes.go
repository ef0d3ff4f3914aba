package stack

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatesock/gatesock/describe"
)

// routes adds the routes, and assigns them to functions.
func (b *builder) routes() {
	if !memberName.MatchString(b.app.Envelope.Action) {
		b.fail("the member %q of the envelope cannot be in a route selection expression: use letters, digits and underscores",
			b.app.Envelope.Action)
	}
	b.plan.RouteSelection = "$request.body." + b.app.Envelope.Action
	if n := len(b.app.Routes); n > maxRoutes {
		b.fail("the program has %d routes, and an API can have %d (API Gateway Developer Guide, "+
			`"Quotas for configuring and running a WebSocket API"): serve some of them from $default or from another API`, n, maxRoutes)
	}
	seen := map[string]bool{}
	for _, r := range b.app.Routes {
		if seen[r.Key] {
			b.fail("the description has the route %q twice", r.Key)
			continue
		}
		seen[r.Key] = true
		b.addRoute(r)
	}
	slices.SortFunc(b.plan.Routes, func(x, y Route) int { return strings.Compare(x.Key, y.Key) })
	if len(b.plan.Routes) == 0 {
		b.fail("the program has no routes: it needs a gatesock.Router, alone or in eventmux.WebSocket")
	}
}

// isSpecial reports whether a route is one of those whose keys begin with "$".
func isSpecial(key string) bool {
	return key == "$connect" || key == "$disconnect" || key == "$default"
}

// longestKey is longer than any that people choose, and short enough for all names made from it.
const longestKey = 128

func (b *builder) addRoute(r describe.Route) {
	route := Route{Key: r.Key, ID: identifier(r.Key), Responds: r.NeedsResponse()}
	switch {
	case strings.HasPrefix(r.Key, "$") && !isSpecial(r.Key):
		b.fail("the route %q begins with $, which only $connect, $disconnect and $default may", r.Key)
	case len(r.Key) > longestKey:
		b.fail("the key of the route %.20q… has %d bytes: at most %d are possible in a template", r.Key, len(r.Key), longestKey)
	case !printable(r.Key):
		b.fail("the route %q has characters that cannot be printed, or is not UTF-8", r.Key)
	case route.ID == "":
		b.fail("the route %q has no name in a template, because it has no letter or digit of ASCII: rename it", r.Key)
	case strings.Contains(r.Key, dynamicReference):
		b.fail("the route %q contains %q, which CloudFormation replaces: rename it", r.Key, dynamicReference)
	case (r.Key == "$connect" || r.Key == "$disconnect") && route.Responds:
		b.fail("the route %s cannot have a response", r.Key)
	}
	if r.Answer == describe.AnswerMock {
		route.Mock = literal(r.Mock)
		if isSpecial(r.Key) || !json.Valid([]byte(r.Mock)) {
			b.fail("the route %q cannot be answered by the API: that needs a key of its own and a frame", r.Key)
		}
	} else {
		route.Function = b.functionOf(r.Key)
		f := b.plan.Function(route.Function)
		f.Routes = append(f.Routes, r.Key)
		slices.Sort(f.Routes)
	}
	suffixes := []string{"Route", "RouteResponse"}
	if route.Mock != "" {
		suffixes = append(suffixes, "Integration", "IntegrationResponse")
	}
	b.claim("the route "+r.Key, route.ID, suffixes...)
	b.plan.Routes = append(b.plan.Routes, route)
}

func printable(key string) bool {
	return utf8.ValidString(key) && !strings.ContainsFunc(key, func(c rune) bool {
		return !unicode.IsPrint(c) || c == utf8.RuneError
	})
}

// dynamicReference begins what CloudFormation replaces by a value of another service, wherever it
// is (AWS CloudFormation User Guide, "Get values stored in other services using dynamic
// references").
const dynamicReference = "{{resolve:"

// literal returns a frame, which is JSON, as a template in which nothing is evaluated. What begins
// references and directives can only be in strings, which can escape it.
func literal(frame string) string {
	return strings.NewReplacer("$", `\u0024`, "#", `\u0023`, "{{", `{\u007b`).Replace(frame)
}

var identitySource = regexp.MustCompile(`^(route\.request\.(header|querystring)|stageVariables|context)\.[A-Za-z0-9._-]+$`)

// authorizer adds the authorizer.
func (b *builder) authorizer() {
	if b.app.Authorizer == nil {
		return
	}
	id := b.functionOf(b.sourceItems(describe.Source{Kind: "authorizer"})...)
	b.plan.Function(id).Authorizer = true
	b.plan.Authorizer = &Authorizer{Function: id, IdentitySources: b.app.Authorizer.IdentitySources}
	for _, source := range b.app.Authorizer.IdentitySources {
		if !identitySource.MatchString(source) {
			b.fail("the authorizer cannot have the identity source %q: it begins with route.request.header., "+
				"route.request.querystring., stageVariables. or context.", source)
		}
	}
	if _, ok := b.route("$connect"); !ok {
		b.fail("the program has an authorizer and no route $connect, which is the only one that can have it")
	}
}
