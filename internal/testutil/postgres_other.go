//go:build !unix

package testutil

import (
	"errors"
	"syscall"
)

// asUser is never called: there is no root here.
func asUser(_, _ string) (*syscall.SysProcAttr, error) { return nil, errors.ErrUnsupported }
