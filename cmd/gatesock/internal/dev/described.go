package dev

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/emulator"
)

// Names of an application that has no file.
const (
	region  = "us-east-1"
	account = "123456789012"
)

// described makes a project of an application that describes itself, with what gatesock template
// would deploy: one function for everything, and the tables, queues and sources that it needs.
type described struct {
	folder string // of the package
	name   string // of the service
	stage  string
	app    *describe.App
	// setting returns the value of a setting, and reports whether there is one.
	setting func(describe.Need) (string, bool)

	plan  *stack.Plan
	p     *project.Project
	unset []describe.Need
}

// project returns the project, or the errors of gatesock template.
func (d *described) project() (*project.Project, error) {
	plan, err := stack.New(d.app, stack.Options{Name: d.name, NoAlarms: true})
	if err != nil {
		return nil, err
	}
	d.plan = plan
	d.p = &project.Project{Folder: d.folder, Region: region, AccountID: account, StackName: plan.Name}
	d.resources()
	for i := range plan.Functions {
		d.function(&plan.Functions[i])
	}
	d.api()
	for i := range plan.Sources {
		d.source(&plan.Sources[i])
	}
	if len(d.unset) > 0 {
		return nil, &unsetError{d.unset}
	}
	return d.p, nil
}

// unsetError is the error for settings without a value.
type unsetError struct{ settings []describe.Need }

func (e *unsetError) Error() string { return e.trouble().title }

// trouble says which settings have no value, and what to do.
func (e *unsetError) trouble() trouble {
	names, lines := make([]string, len(e.settings)), make([]string, len(e.settings))
	for i, n := range e.settings {
		names[i], lines[i] = n.Variable, n.Variable+"="+cmp.Or(n.Example, "VALUE")
		if n.Description != "" {
			lines[i] += "   " + n.Description
		}
	}
	return trouble{
		title: "The program needs " + strings.Join(names, ", ") +
			": set what is missing with --parameter NAME=VALUE, or in a file with --env-file.",
		output: strings.Join(lines, "\n"),
	}
}

// apiID returns the id of an API, which is always the same for a project.
func apiID(folder, name string) string {
	const digits = "abcdefghijklmnopqrstuvwxyz0123456789"
	sum := sha256.Sum256([]byte(folder + "\x00" + name))
	id := make([]byte, 10)
	for i := range id {
		id[i] = digits[int(sum[i])%len(digits)]
	}
	return string(id)
}

func arn(service, name string) string {
	return "arn:aws:" + service + ":" + region + ":" + account + ":" + name
}

// resources adds tables and queues.
func (d *described) resources() {
	for _, t := range d.plan.Tables {
		name := d.plan.Name + "-" + t.ID
		table := project.Table{
			ID: t.ID, Name: name, ARN: arn("dynamodb", "table/"+name), TTL: t.TimeToLive,
			Create: &dynamodb.CreateTableInput{
				TableName: &name, BillingMode: types.BillingModePayPerRequest,
			},
		}
		for _, key := range []struct {
			name string
			kind types.KeyType
		}{{t.PartitionKey, types.KeyTypeHash}, {t.SortKey, types.KeyTypeRange}} {
			if key.name == "" {
				continue
			}
			table.Create.KeySchema = append(table.Create.KeySchema, types.KeySchemaElement{
				AttributeName: aws.String(key.name), KeyType: key.kind,
			})
			table.Create.AttributeDefinitions = append(table.Create.AttributeDefinitions, types.AttributeDefinition{
				AttributeName: aws.String(key.name), AttributeType: types.ScalarAttributeTypeS,
			})
		}
		if t.Stream {
			table.StreamARN = table.ARN + "/stream/2026-01-01T00:00:00.000"
			table.Create.StreamSpecification = &types.StreamSpecification{
				StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages,
			}
		}
		d.p.Tables = append(d.p.Tables, table)
	}
	for _, q := range d.plan.Queues {
		name := cmp.Or(q.Name, d.plan.Name+"-"+q.ID)
		dead := name + "-dead"
		d.p.Queues = append(d.p.Queues, queue(q.ID+"DeadLetters", dead, map[string]string{
			"MessageRetentionPeriod": fmt.Sprint(q.Retention),
		}), queue(q.ID, name, map[string]string{
			"VisibilityTimeout": fmt.Sprint(q.Visibility),
			"RedrivePolicy":     fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, arn("sqs", dead), q.Receives),
		}))
	}
}

func queue(id, name string, attributes map[string]string) project.Queue {
	return project.Queue{
		ID: id, Name: name, ARN: arn("sqs", name), Attributes: attributes,
		URL: "https://sqs." + region + ".amazonaws.com/" + account + "/" + name,
	}
}

func (d *described) function(f *stack.Function) {
	name := d.plan.Name + "-" + f.Name
	fn := project.Function{
		ID: f.ID, Name: name, ARN: arn("lambda", "function:"+name), Handler: "bootstrap", Package: d.folder,
		Timeout: time.Duration(f.Timeout) * time.Second, Memory: f.Memory, Architecture: f.Architecture,
		Environment: map[string]string{},
		Async:       project.Async{Retries: 2, MaxAge: 6 * time.Hour},
	}
	for _, need := range d.app.Needs {
		if value, ok := d.value(need); ok {
			fn.Environment[need.Variable] = value
		}
	}
	d.p.Functions = append(d.p.Functions, fn)
}

// value returns the value of the variable of a need. It reports whether it has one. Metrics have
// none, because their lines would be between all others; who wants them sets the variable.
func (d *described) value(n describe.Need) (string, bool) {
	if value, ok := d.setting(n); ok {
		return value, true
	}
	switch n.Kind {
	case "connections":
		return "https://" + d.apiID() + ".execute-api." + region + ".amazonaws.com/" + d.stage, true
	case "table":
		for i, t := range d.plan.Tables {
			if t.Variable == n.Variable {
				return d.p.Tables[i].Name, true
			}
		}
	case "queue":
		for i, q := range d.plan.Queues {
			if q.Variable == n.Variable {
				return d.p.Queues[2*i+1].URL, true // after its dead letters
			}
		}
	case "setting":
		if !n.Optional || n.Default != "" {
			d.unset = append(d.unset, n)
		}
	case "iot":
		d.note(project.Warning, n.Variable, "AWS IoT is not served here: what the program publishes by "+n.Variable+" fails.")
	}
	return "", false
}

func (d *described) note(severity project.Severity, resource, text string) {
	d.p.Findings = append(d.p.Findings, project.Finding{Severity: severity, Resource: resource, Text: text})
}

func (d *described) apiID() string { return apiID(d.folder, d.plan.Name) }

func (d *described) api() {
	stage := project.Stage{
		Config: emulator.Config{
			APIID: d.apiID(), Stage: d.stage, Region: region, AccountID: account,
			RouteSelectionExpression: d.plan.RouteSelection, IgnoreDescription: true,
			Routes: []gatesock.Route{},
		},
		Targets: map[string]project.Target{},
	}
	for _, r := range d.plan.Routes {
		route := gatesock.Route{Key: r.Key, NeedsResponse: r.Responds}
		if r.Mock != "" {
			route.Mock = []byte(r.Mock)
		} else {
			stage.Targets[r.Key] = project.Target{Function: r.Function}
		}
		stage.Config.Routes = append(stage.Config.Routes, route)
	}
	if a := d.plan.Authorizer; a != nil {
		stage.Authorizer = a.Function
		stage.Config.Authorizer = &emulator.Authorizer{IdentitySources: a.IdentitySources}
	}
	d.p.APIs = []project.API{{LogicalID: "Api", ID: d.apiID(), Name: d.plan.Name, Stages: []project.Stage{stage}}}
}

// source adds what calls a function besides the API.
func (d *described) source(s *stack.Source) {
	fn := d.p.Function(s.Function)
	switch s.Kind {
	case "sqs":
		d.mapQueue(s, fn)
	case "dynamodb":
		d.mapStream(s, fn)
	case "sns":
		name := d.nameOf(s.From, s.ID)
		d.p.Topics = append(d.p.Topics, project.Topic{
			ID: s.ID, Name: name, ARN: arn("sns", name),
			Subscriptions: []project.Subscription{{Protocol: "lambda", Endpoint: fn.ARN}},
		})
	case "eventbridge":
		pattern := map[string][]string{}
		if s.EventSource != "*" {
			pattern["source"] = []string{s.EventSource}
		} else {
			pattern["account"] = []string{account}
		}
		if s.DetailType != "" {
			pattern["detail-type"] = []string{s.DetailType}
		}
		d.rule(s, project.Rule{Pattern: encode(pattern)}, fn)
	case "schedule":
		d.rule(s, project.Rule{Name: cmp.Or(s.Schedule, d.nameOf(s.From, s.ID)), Schedule: "rate(5 minutes)"}, fn)
	default:
		d.note(project.Notice, s.ID, "Events of the source "+s.Kind+" do not come here: it is not served.")
	}
}

func (d *described) mapQueue(s *stack.Source, fn *project.Function) {
	source := ""
	for _, q := range d.p.Queues {
		if q.ID == s.From.ID {
			source = q.ARN
		}
	}
	if source == "" { // a queue that the stack does not make
		q := queue(s.ID, d.nameOf(s.From, s.ID), map[string]string{})
		d.p.Queues = append(d.p.Queues, q)
		source = q.ARN
	}
	d.p.Mappings = append(d.p.Mappings, project.Mapping{
		ID: s.ID, Source: source, Function: fn.ID, BatchSize: 10, ReportItemFailures: true, Retries: -1,
	})
}

func (d *described) mapStream(s *stack.Source, fn *project.Function) {
	for _, t := range d.p.Tables {
		if t.ID != s.From.ID {
			continue
		}
		m := project.Mapping{
			ID: s.ID, Source: t.StreamARN, Function: fn.ID, BatchSize: 100, StartingPosition: "LATEST",
			ReportItemFailures: true, Retries: -1, Bisect: true,
		}
		for _, filter := range s.Filters {
			m.Filters = append(m.Filters, []byte(filter))
		}
		d.p.Mappings = append(d.p.Mappings, m)
		return
	}
	d.note(project.Notice, s.ID, "The stream of a table that the program does not make is not served.")
}

// nameOf returns the name of a resource that the stack does not make.
func (d *described) nameOf(r stack.Resource, id string) string {
	name := r.ARN[strings.LastIndexByte(r.ARN, ':')+1:]
	return cmp.Or(r.Name, name, d.plan.Name+"-"+id)
}

func (d *described) rule(s *stack.Source, r project.Rule, fn *project.Function) {
	r.ID, r.Bus = s.ID, "default"
	r.Name = cmp.Or(r.Name, s.ID)
	r.ARN = arn("events", "rule/"+r.Name)
	if s.Schedule != "" {
		r.ARN = arn("scheduler", "schedule/"+cmp.Or(s.Group, d.plan.Name)+"/"+s.Schedule)
	}
	r.Targets = []project.RuleTarget{{ID: fn.ID, ARN: fn.ARN, Retries: -1}}
	d.p.Rules = append(d.p.Rules, r)
}
