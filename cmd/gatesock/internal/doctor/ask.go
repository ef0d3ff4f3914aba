package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"
)

// state is what is known about a resource.
type state int

const (
	unread  state = iota // the caller may not read it
	present              // it was read
	absent               // there is none
)

// question is a request to AWS.
type question struct {
	part   Part
	action string // the IAM action that it needs
	on     string // what is read, such as `the function "chat"`
}

// denied is the finding of a request that the caller may not make.
func (q question) denied() Finding {
	return Finding{
		Level: Warning, Part: q.part, Check: notChecked, Subjects: []string{q.on},
		Problem: "not checked: the credentials may not read it",
		Fix:     fmt.Sprintf("Allow the IAM action %s, or use other credentials.", q.action),
	}
}

// ask calls an operation. The error of a request that the credentials do not allow becomes a
// finding, and that of a resource that does not exist a state; all others are returned.
func ask[In, Out, Options any](
	ctx context.Context, r *Report, q question,
	operation func(context.Context, *In, ...func(*Options)) (*Out, error), in *In,
) (*Out, state, error) {
	out, err := operation(ctx, in)
	s, err := q.judge(r, err)
	if s != present {
		return nil, s, err
	}
	return out, s, nil
}

// askAll calls an operation for each page of a list.
func askAll[T any](
	ctx context.Context, r *Report, q question, page func(ctx context.Context, token *string) ([]T, *string, error),
) ([]T, state, error) {
	all, err := pages(ctx, page)
	s, err := q.judge(r, err)
	return all, s, err
}

// pages returns the items of all pages of a list.
func pages[T any](
	ctx context.Context, page func(ctx context.Context, token *string) ([]T, *string, error),
) ([]T, error) {
	var all []T
	var token *string
	for {
		items, next, err := page(ctx, token)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
		if next == nil || *next == "" {
			return all, nil
		}
		if token != nil && *token == *next {
			return nil, errors.New("the pages of the list do not end")
		}
		token = next
	}
}

// judge returns what an error says about a resource.
func (q question) judge(r *Report, err error) (state, error) {
	var answer smithy.APIError
	switch {
	case err == nil:
		return present, nil
	case !errors.As(err, &answer):
		return unread, fmt.Errorf("read %s: %w", q.on, err)
	case isDenied(answer):
		r.add(q.denied())
		return unread, nil
	case isAbsent(answer):
		return absent, nil
	case answer.ErrorCode() == "UnknownOperationException": // DynamoDB Local
		r.leaveOut(fmt.Sprintf("%s: the server does not have %s", q.on, q.action))
		return unread, nil
	}
	return unread, fmt.Errorf("read %s: %w", q.on, err)
}

// isDenied reports whether IAM does not allow a request. Credentials that are not valid are
// something else: no request succeeds with them.
func isDenied(err smithy.APIError) bool {
	code := err.ErrorCode()
	return strings.Contains(code, "AccessDenied") || code == "UnauthorizedOperation" || code == "NotAuthorized" ||
		code == "ForbiddenException" || code == "AuthorizationError"
}

// isAbsent reports whether the resource of a request does not exist. Names are the only parameters
// of the requests.
func isAbsent(err smithy.APIError) bool {
	switch err.ErrorCode() {
	case "NotFoundException", "ResourceNotFoundException", "TableNotFoundException", "NoSuchResourceException",
		"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue",
		"ValidationException", "InvalidAddress": // DynamoDB's and SQS's answers to what is not a name
		return true
	case "ValidationError": // CloudFormation
		return strings.Contains(err.ErrorMessage(), "does not exist")
	}
	return false
}
