package doctor

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/gatesock/gatesock/describe"
)

// examination is one call of [Examine].
type examination struct {
	clients Clients
	app     *describe.App
	clock   *Clock
	target  Target
	report  *Report

	api       api
	functions map[string]*function // by functionName.String
	tables    map[string]*table    // by name
	queues    map[string]*queue    // by URL
	domains   map[string]*domain   // by host
}

// Examine compares a deployment with the description of its application. The error is that of a
// request to AWS that failed for a reason other than missing rights or a missing resource; those
// are findings.
func Examine(ctx context.Context, c Clients, clock *Clock, t Target, app *describe.App) (*Report, error) {
	x := &examination{
		clients: c, clock: clock, app: app, target: t,
		report: &Report{
			API: t.API, Stage: t.Stage, Region: t.Region,
			Functions: []string{}, Tables: []string{}, Queues: []string{},
			Findings: append([]Finding{}, t.findings...), Facts: []string{}, NotChecked: []string{},
		},
		api: api{
			GetApiOutput: new(apigatewayv2.GetApiOutput),
			routes:       map[string]*route{},
			integrations: map[string]*integration{},
			authorizers:  map[string]types.Authorizer{},
		},
		functions: map[string]*function{},
		tables:    map[string]*table{},
		queues:    map[string]*queue{},
		domains:   map[string]*domain{},
	}
	if err := x.run(ctx); err != nil {
		return nil, err
	}
	clock.check(x.report)
	x.report.sort()
	return x.report, nil
}

// run reads and checks one part after another. What is checked of a part may need the parts before.
func (x *examination) run(ctx context.Context) error {
	if err := x.readAPI(ctx); err != nil {
		return err
	}
	if !x.checkAPI() {
		return nil
	}
	x.checkStage()
	x.checkRoutes()
	x.checkAuthorizer()
	for _, step := range []func(context.Context) error{
		x.readFunctions, x.readNeeds, x.examineSources, x.examineQuotas, x.examineHandshake,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	x.checkNeeds()
	x.checkFunctions()
	x.checkPermissions()
	x.leaveOut()
	return nil
}

// leaveOut lists what no examination checks.
func (x *examination) leaveOut() {
	x.report.leaveOut(
		"the rights of the functions' roles: test them with the IAM policy simulator, or see the logs for AccessDenied",
	)
	for _, s := range x.app.Sources {
		switch s.Kind {
		case "schedule":
			x.report.leaveOut("whether the schedule " + s.Name + " exists: aws scheduler list-schedules lists the schedules")
		case "http":
			x.report.leaveOut("whether HTTP requests reach the function: by a function URL or an API that is not examined")
		case "custom":
			x.report.leaveOut("the custom event source " + s.Name)
		}
	}
}
