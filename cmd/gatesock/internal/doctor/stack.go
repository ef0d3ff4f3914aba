package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// Target is the deployment that is examined.
type Target struct {
	// API is the ID of the API, and Stage the name of its stage.
	API, Stage string
	// Region is where the API is.
	Region string
	// Functions are the names of the functions that the API may call, Tables the names of the tables
	// and Queues the URLs of the queues that the application may use. An empty list means that any
	// is right.
	Functions, Tables, Queues []string

	changed  time.Time // when a part of the API that deployments copy was changed; zero if not known
	findings []Finding // of the stack itself
}

// Complete returns the target with what a CloudFormation stack has: its API, stage, functions,
// tables and queues, and those of the stacks that are its resources. What the target names already
// stays.
func (t Target) Complete(ctx context.Context, c Stacks, stack string) (Target, error) {
	s := inventory{seen: map[string]bool{}}
	if err := s.read(ctx, c, stack); err != nil {
		return t, err
	}
	var err error
	if t.API, err = choose(t.API, s.of["AWS::ApiGatewayV2::Api"], stack, "API", "--api"); err != nil {
		return t, err
	}
	if t.Stage, err = choose(t.Stage, s.of["AWS::ApiGatewayV2::Stage"], stack, "stage of an API", "--stage"); err != nil {
		return t, err
	}
	add := func(to *[]string, kinds ...string) {
		if len(*to) == 0 {
			for _, kind := range kinds {
				*to = append(*to, s.of[kind]...)
			}
		}
	}
	add(&t.Functions, "AWS::Lambda::Function")
	add(&t.Tables, "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")
	add(&t.Queues, "AWS::SQS::Queue")
	t.changed, t.findings = s.changed, s.findings
	return t, nil
}

// choose returns what the command line names, or the only one that a stack has.
func choose(named string, have []string, stack, what, flag string) (string, error) {
	slices.Sort(have)
	have = slices.Compact(have)
	switch {
	case named != "":
		return named, nil
	case len(have) == 1:
		return have[0], nil
	case len(have) == 0:
		return "", fmt.Errorf("the stack %q has no %s: name one with %s", stack, what, flag)
	}
	return "", fmt.Errorf(
		"the stack %q has more than one %s: choose one of %s with %s", stack, what, strings.Join(have, ", "), flag,
	)
}

// inventory is what a stack and the stacks in it have.
type inventory struct {
	seen     map[string]bool     // stacks
	of       map[string][]string // physical IDs by type
	changed  time.Time
	findings []Finding
}

// read adds the resources of a stack.
func (s *inventory) read(ctx context.Context, c Stacks, stack string) error {
	if s.seen[stack] {
		return nil
	}
	s.seen[stack] = true
	all, err := pages(ctx, func(ctx context.Context, token *string) ([]types.StackResourceSummary, *string, error) {
		out, err := c.ListStackResources(ctx, &cloudformation.ListStackResourcesInput{StackName: &stack, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.StackResourceSummaries, out.NextToken, nil
	})
	q := question{PartAPI, "cloudformation:ListStackResources", fmt.Sprintf("the stack %q", stack)}
	switch state, err := q.judge(&Report{}, err); {
	case err != nil:
		return err
	case state == absent:
		return fmt.Errorf("there is no stack %q in this region: check --stack, --region and --profile", stack)
	case state == unread:
		return fmt.Errorf(
			"the credentials may not read the stack %q: allow the IAM action %s, or use --api and --stage", stack, q.action,
		)
	}
	for _, r := range all {
		if err := s.take(ctx, c, r); err != nil {
			return err
		}
	}
	return nil
}

// take adds a resource.
func (s *inventory) take(ctx context.Context, c Stacks, r types.StackResourceSummary) error {
	kind, id := aws.ToString(r.ResourceType), aws.ToString(r.PhysicalResourceId)
	if strings.HasSuffix(string(r.ResourceStatus), "_FAILED") {
		s.findings = append(s.findings, failedResource(r))
	}
	if id == "" || r.ResourceStatus == types.ResourceStatusDeleteComplete {
		return nil
	}
	if kind == "AWS::CloudFormation::Stack" {
		return s.read(ctx, c, id)
	}
	if s.of == nil {
		s.of = map[string][]string{}
	}
	s.of[kind] = append(s.of[kind], id)
	if isDeployed(kind) && r.LastUpdatedTimestamp != nil && r.LastUpdatedTimestamp.After(s.changed) {
		s.changed = *r.LastUpdatedTimestamp
	}
	return nil
}

// isDeployed reports whether a change of a resource has an effect only with the next deployment.
func isDeployed(kind string) bool {
	name, ok := strings.CutPrefix(kind, "AWS::ApiGatewayV2::")
	return ok && slices.Contains(
		[]string{"Api", "Authorizer", "Integration", "IntegrationResponse", "Model", "Route", "RouteResponse"}, name,
	)
}

func failedResource(r types.StackResourceSummary) Finding {
	return Finding{
		Level: Error, Part: PartAPI, Check: "stack-resource", Subjects: []string{aws.ToString(r.LogicalResourceId)},
		Problem: fmt.Sprintf("the resource is in the state %s: %s", r.ResourceStatus,
			cmp.Or(oneLine(aws.ToString(r.ResourceStatusReason)), "CloudFormation has no reason")),
		Effect: "The stack is not what its template says.",
		Fix:    "Correct the reason and deploy again, or roll back (aws cloudformation rollback-stack).",
	}
}
