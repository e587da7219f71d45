" Settings for .arch files.
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal comments=:# commentstring=#\ %s
setlocal formatoptions-=t formatoptions+=croql
setlocal expandtab shiftwidth=2 softtabstop=2 textwidth=120
setlocal suffixesadd=.arch

" `gggqG` formats the whole file. On a syntax error the text is replaced by the message, as Vim does: `u` brings it back.
setlocal formatprg=archdsl\ fmt\ -
compiler arch

let b:undo_ftplugin = 'setlocal comments< commentstring< formatoptions< expandtab< shiftwidth< softtabstop<'
      \ . ' textwidth< suffixesadd< formatprg< makeprg< errorformat<'
