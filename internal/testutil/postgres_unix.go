//go:build unix

package testutil

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// asUser makes a folder another user's and says how to run a program as that user.
func asUser(name, dir string) (*syscall.SysProcAttr, error) {
	owner, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(owner.Uid, 10, 31)
	gid, err2 := strconv.ParseUint(owner.Gid, 10, 31)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}
