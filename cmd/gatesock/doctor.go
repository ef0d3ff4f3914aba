package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/doctor"
)

// doctorCommand compares a deployed application with its description.
type doctorCommand struct {
	application
	Stack    string   `placeholder:"NAME" help:"The CloudFormation stack of the deployment. Its API, stage, functions, table and queue are found in it."`
	API      string   `name:"api" placeholder:"ID" help:"The ID of the API, if there is no stack or it has several."`
	Stage    string   `placeholder:"NAME" help:"The stage of the API, if there is no stack or it has several."`
	Function []string `sep:"none" placeholder:"NAME" help:"A function that the API may call. Default: those of the stack, or any. May be repeated."`
	Table    []string `sep:"none" placeholder:"NAME" help:"A table that the application may use. Default: those of the stack, or any. May be repeated."`
	Queue    []string `sep:"none" placeholder:"URL" help:"A queue that the application may use. Default: those of the stack, or any. May be repeated."`
	Connect  bool     `help:"Open a WebSocket connection without a credential too, and close it."`
	Strict   bool     `help:"Exit with status 1 for warnings, too."`
	JSON     bool     `help:"Print JSON instead of text."`
	Region   string   `help:"The AWS region. Default: the region of the AWS configuration."`
	Profile  string   `help:"A profile of the AWS configuration."`
	Endpoint endpoint `placeholder:"URL" help:"The address of a server that imitates AWS, to use instead of AWS."`
}

// Help is shown below the summary.
func (doctorCommand) Help() string {
	return `The command reads the API with its routes, stage and authorizer, the functions with their
environment, policies and event sources, the table, the queue and the quotas of the account. For each
finding it prints what is wrong, what happens because of it, and what to do. It changes nothing; what
the credentials may not read is a finding, too.

    gatesock doctor --stack chat
    gatesock doctor ./cmd/lambda --stack chat --strict --json
    gatesock doctor --from api.json --api a1b2c3d4e5 --stage prod --table chat

The exit status is 0 if there is no finding of the level error, 1 if there is one (with --strict: an
error or a warning), and 2 if the deployment could not be examined.`
}

// Run prints the report.
func (c *doctorCommand) Run(ctx context.Context, s streams) error {
	if c.Stack == "" && (c.API == "" || c.Stage == "") {
		return misuse{errors.New("name the deployment: --stack, or --api and --stage")}
	}
	report, err := c.examine(ctx, s)
	switch {
	case err == nil:
	case isMisuse(err):
		return err
	default:
		return trouble{err}
	}
	if err := c.print(s, report); err != nil {
		return trouble{err}
	}
	return c.verdict(report)
}

// examine returns the report.
func (c *doctorCommand) examine(ctx context.Context, s streams) (*doctor.Report, error) {
	app, _, err := c.load(ctx, s)
	if err != nil {
		return nil, err
	}
	cfg, err := loadConfig(ctx, c.Region, c.Profile, c.Endpoint != "")
	if err != nil {
		return nil, err
	}
	if _, err := retrieve(ctx, cfg); err != nil {
		return nil, err
	}
	clock := doctor.NewClock(time.Now)
	clients := doctor.NewClients(cfg, clock, string(c.Endpoint))
	if c.Connect {
		clients.HTTP = new(http.Client)
	}
	target := doctor.Target{
		API: c.API, Stage: c.Stage, Region: cfg.Region, Functions: c.Function, Tables: c.Table, Queues: c.Queue,
	}
	if c.Stack != "" {
		target, err = target.Complete(ctx, clients.Stacks, c.Stack)
	}
	if err != nil {
		return nil, c.explain(cfg.Region, err)
	}
	report, err := doctor.Examine(ctx, clients, clock, target, app)
	if err != nil {
		return nil, c.explain(cfg.Region, err)
	}
	return report, nil
}

func (c *doctorCommand) print(s streams, report *doctor.Report) error {
	if c.JSON {
		return printer{w: s.out, json: true}.object(report)
	}
	return report.WriteText(s.out)
}

// verdict returns the exit status of a report, as an error unless it is 0.
func (c *doctorCommand) verdict(report *doctor.Report) error {
	if report.Count(doctor.Error) > 0 || c.Strict && report.Count(doctor.Warning) > 0 {
		return ending(failed)
	}
	return nil
}

// explain returns the error of a request to AWS as one for the user: what is wrong, where, and what
// to do.
func (c *doctorCommand) explain(region string, err error) error {
	var answer smithy.APIError
	var unsent *smithyhttp.RequestSendError
	where := "AWS, region " + region
	if c.Endpoint != "" {
		where = string(c.Endpoint)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &renamed{"interrupted", err}
	case errors.As(err, &unsent):
		return &renamed{fmt.Sprintf("can't reach %s: %s: check --region and the network", where, cause(unsent)), err}
	case errors.As(err, &answer) && refusesCredentials(answer.ErrorCode()):
		return &renamed{fmt.Sprintf("%s refuses the credentials: %s: check --profile, or AWS_ACCESS_KEY_ID, "+
			"AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN", where, answer.ErrorMessage()), err}
	}
	return err
}

// refusesCredentials reports whether an error code of AWS is about the credentials themselves.
func refusesCredentials(code string) bool {
	switch code {
	case "UnrecognizedClientException", "InvalidSignatureException", "IncompleteSignature", "ExpiredTokenException",
		"ExpiredToken", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "InvalidClientTokenId",
		"SignatureDoesNotMatch", "AuthFailure":
		return true
	}
	return false
}
