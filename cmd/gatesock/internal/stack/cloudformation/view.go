package cloudformation

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
)

// view is what the texts see of a plan.
type view struct {
	*stack.Plan
	// SAM reports whether the template is for SAM.
	SAM bool
	// RawRoutes are the routes that are resources of API Gateway.
	RawRoutes []rawRoute
	// SAMRoutes are those of the property Routes of a WebSocketApi.
	SAMRoutes []samRoute
}

// rawRoute is a route that is a resource of its own.
type rawRoute struct {
	stack.Route
	RouteID       string // the logical name of the route
	HasAuthorizer bool
}

func newRawRoute(p *stack.Plan, r stack.Route) rawRoute {
	return rawRoute{r, r.ID + "Route", p.Authorizer != nil}
}

// About returns the description of the template.
func (v view) About() string { return v.Name + ", a WebSocket service made with gatesock." }

// GOARCH returns the architecture in words of the go command.
func (v view) GOARCH() string {
	if v.Functions[0].Architecture == "x86_64" {
		return "amd64"
	}
	return "arm64"
}

// Target returns the function that API Gateway invokes: its alias, if it has provisioned
// concurrency.
func (v view) Target(function string) string {
	arn := "!GetAtt " + function + "Function.Arn"
	if v.Function(function).ProvisionedConcurrency == "" {
		return arn
	}
	alias := function + "Alias"
	if v.SAM {
		alias = function + "Function.Alias"
	}
	return fmt.Sprintf("!If [%sIsProvisioned, !Ref %s, %s]", function, alias, arn)
}

// Invocations returns the URI by which API Gateway invokes a function, for a property of the first
// level.
func (v view) Invocations(function string) string {
	return "!Sub\n" +
		"        - arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Target}/invocations\n" +
		"        - Target: " + v.Target(function)
}

// Value returns the value of a variable of the environment.
func (v view) Value(r stack.Resource) string {
	if r.Kind == stack.Connections {
		return "!Sub https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${StageName}"
	}
	if r.Kind == stack.Literal {
		return quote(r.Name)
	}
	if r.Kind == stack.IoTKind {
		return "!Sub https://${" + r.Parameter + "}"
	}
	return "!Ref " + cmp.Or(r.ID, r.Parameter)
}

// ARN returns the ARN of a resource.
func (v view) ARN(r stack.Resource) string { return arn(r) }

func arn(r stack.Resource) string {
	const here = "!Sub arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
	switch {
	case r.Kind == stack.Connections:
		return fmt.Sprintf(here, "execute-api", "${Api}/${StageName}/*/@connections/*")
	case r.Kind == stack.TableStream && r.ID != "":
		return "!GetAtt " + r.ID + ".StreamArn"
	case r.ID != "":
		return "!GetAtt " + r.ID + ".Arn"
	case r.Parameter != "":
		return "!Ref " + r.Parameter
	case r.ARN != "":
		return quote(r.ARN)
	case r.Kind == stack.StreamKind:
		return fmt.Sprintf(here, "kinesis", "stream/"+r.Name)
	case r.Kind == stack.DeviceTopic:
		return "!Sub " + inQuotes("arn:${AWS::Partition}:iot:${AWS::Region}:${AWS::AccountId}:topic/"+r.Name)
	case r.Kind == stack.TopicKind:
		return fmt.Sprintf(here, "sns", r.Name)
	default:
		return fmt.Sprintf(here, "sqs", r.Name)
	}
}

// source is a source with what its text needs.
type source struct {
	stack.Source
	group *stack.ScheduleGroup // of a schedule, if the stack makes it
}

// Source returns a source as its text sees it.
func (v view) Source(s stack.Source) source {
	for _, g := range v.ScheduleGroups() {
		if s.Schedule != "" && s.Group == g.Name {
			return source{s, &g}
		}
	}
	return source{s, nil}
}

// ARN returns the ARN of what the source reads.
func (s source) ARN() string { return arn(s.From) }

// IsRule reports whether a schedule that exists elsewhere is a rule of EventBridge, which needs a
// permission. A schedule of EventBridge Scheduler has a role.
func (s source) IsRule() bool { return strings.Contains(s.From.ARN, ":events:") }

// GroupName returns the name of the group of a schedule.
func (s source) GroupName() string {
	if s.group == nil {
		return quote(s.Group)
	}
	return "!Ref " + s.group.ID
}

// GroupARN returns its ARN.
func (s source) GroupARN() string {
	if s.group == nil {
		return `!Sub "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/` + s.Group + `"`
	}
	return "!GetAtt " + s.group.ID + ".Arn"
}
