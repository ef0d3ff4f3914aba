package sim

import "github.com/aws/smithy-go"

// apiError is an error that AWS answers.
type apiError struct{ code, text string }

func (e *apiError) Error() string                 { return e.code + ": " + e.text }
func (e *apiError) ErrorCode() string             { return e.code }
func (e *apiError) ErrorMessage() string          { return e.text }
func (e *apiError) ErrorFault() smithy.ErrorFault { return smithy.FaultUnknown }
